#include "components/result_format.hpp"

#include "base/json.hpp"
#include "config/yaml.hpp"

#include <nlohmann/json.hpp>

namespace raibid {

namespace {

using nlohmann::ordered_json;

/// What a thing in a list is called: a text itself, else what it has first of these keys.
std::string name_of(const ordered_json& thing) {
  if (thing.is_string()) return thing.get<std::string>();
  for (const char* const key : {"name", "release", "id", "file"}) {
    const auto found = thing.find(key);
    if (found != thing.end()) return name_of(*found);
  }
  return "";
}

/// The list itself, or that of the jobs; one thing alone is a list of one.
std::string names_text(const ordered_json& result) {
  const auto jobs = result.find("jobs");
  const ordered_json& list = jobs != result.end() ? *jobs : result;
  if (!list.is_array()) return name_of(list) + "\n";
  std::string text;
  for (const ordered_json& thing : list) text += name_of(thing) + "\n";
  return text;
}

}  // namespace

std::string formatted(const nlohmann::ordered_json& result, OutputFormat format) {
  if (format == OutputFormat::yaml) return to_yaml(result);
  if (format == OutputFormat::name) return names_text(result);
  // a value that is not UTF-8 must not take the whole answer away
  return json_text(result, 2) + "\n";
}

}  // namespace raibid
