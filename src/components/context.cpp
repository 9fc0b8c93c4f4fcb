#include "components/context.hpp"

namespace raibid {

OutputFormat output_format(const std::string& output) {
  if (output == "json") return OutputFormat::json;
  if (output == "junit") return OutputFormat::junit;
  if (output == "name") return OutputFormat::name;
  return output == "yaml" ? OutputFormat::yaml : OutputFormat::table;
}

bool Context::colors_results() const {
  const std::string choice = settings.text("color");
  return choice == "always" || (choice == "auto" && terminal.color && terminal.results_rewrite);
}

OutputFormat Context::format() const { return output_format(settings.text("output")); }

}  // namespace raibid
