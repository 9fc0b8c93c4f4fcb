#include "components/context.hpp"

namespace raibid {

OutputFormat Context::format() const {
  const std::string format = settings.text("output");
  if (format == "json") return OutputFormat::json;
  return format == "yaml" ? OutputFormat::yaml : OutputFormat::table;
}

}  // namespace raibid
