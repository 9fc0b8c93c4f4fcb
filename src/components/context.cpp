#include "components/context.hpp"

namespace raibid {

OutputFormat output_format(const std::string& output) {
  if (output == "json") return OutputFormat::json;
  if (output == "junit") return OutputFormat::junit;
  if (output == "name") return OutputFormat::name;
  return output == "yaml" ? OutputFormat::yaml : OutputFormat::table;
}

OutputFormat Context::format() const { return output_format(settings.text("output")); }

}  // namespace raibid
