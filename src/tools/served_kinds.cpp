#include "tools/served_kinds.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

#include "tools/kubectl.hpp"

namespace raibid {

namespace {

using nlohmann::json;

const json& member_of(const json& object, const char* name) {
  static const json none;
  if (!object.is_object()) return none;
  const auto found = object.find(name);
  return found == object.end() ? none : *found;
}

const json& array_of(const json& object, const char* name) {
  static const json empty = json::array();
  const json& found = member_of(object, name);
  return found.is_array() ? found : empty;
}

std::string string_in(const json& object, const char* name) {
  const json& found = member_of(object, name);
  return found.is_string() ? found.get<std::string>() : std::string();
}

void take_group(const json& group, ServedKinds& served) {
  const std::string name = string_in(member_of(group, "metadata"), "name");
  std::set<std::string> known;  // the preferred version comes first
  for (const json& version : array_of(group, "versions")) {
    const std::string number = string_in(version, "version");
    if (string_in(version, "freshness") == "Stale") served.silent.push_back(name + "/" + number);
    for (const json& resource : array_of(version, "resources")) {
      const std::string plural = string_in(resource, "resource");
      // of an entry with subresources alone there is nothing to list
      const std::string kind = string_in(member_of(resource, "responseKind"), "kind");
      if (plural.empty() || kind.empty() || !known.insert(plural).second) continue;
      const json& verbs = array_of(resource, "verbs");
      served.kinds.push_back({name, number, plural, kind, string_in(resource, "scope") == "Namespaced",
                              std::find(verbs.begin(), verbs.end(), "list") != verbs.end()});
    }
  }
}

}  // namespace

std::optional<ServedKinds> parse_served_kinds(const std::string& answers) {
  if (!answers.starts_with('{')) return std::nullopt;
  std::string text = answers;
  const std::vector<json> lists = WatchParser().take(text);
  const auto lists_kinds = [](const json& list) { return string_in(list, "kind") == "APIGroupDiscoveryList"; };
  if (lists.size() != 2 || !std::all_of(lists.begin(), lists.end(), lists_kinds)) return std::nullopt;
  ServedKinds served;
  for (const json& list : lists) {
    for (const json& group : array_of(list, "items")) take_group(group, served);
  }
  return served;
}

}  // namespace raibid
