#include "components/result_format.hpp"

#include "base/json.hpp"
#include "config/yaml.hpp"

#include <nlohmann/json.hpp>

namespace raibid {

std::string formatted(const nlohmann::ordered_json& result, OutputFormat format) {
  if (format == OutputFormat::yaml) return to_yaml(result);
  // a value that is not UTF-8 must not take the whole answer away
  return json_text(result, 2) + "\n";
}

}  // namespace raibid
