#include "components/redis/run/record_change.hpp"

#include <nlohmann/json.hpp>

#include <set>
#include <string>

#include "base/strings.hpp"

namespace raibid {

std::optional<ObjectChange> record_change(const Spec& before, const Spec& after) {
  ObjectChange change{ObjectChange::What::changed, "Record", "the options of setup"};
  std::set<std::string> options;
  for (const auto& [option, choice] : before.chosen) options.insert(option);
  for (const auto& [option, choice] : after.chosen) options.insert(option);
  const auto text_of = [](const Spec& spec, const std::string& option) {
    const auto found = spec.chosen.find(option);
    return found == spec.chosen.end() ? std::string() : printable(join(found->second.values, ","));
  };
  for (const std::string& option : options) {
    const std::string live = text_of(before, option);
    const std::string wanted = text_of(after, option);
    if (live != wanted) change.values.push_back({"--" + option, live, wanted});
  }
  if (change.values.empty())
    change.values = value_changes(nlohmann::json::parse(to_json(before)), nlohmann::json::parse(to_json(after)));
  if (change.values.empty()) return std::nullopt;
  return change;
}

}  // namespace raibid
