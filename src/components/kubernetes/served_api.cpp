#include "components/kubernetes/served_api.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <vector>

#include "base/json.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/session.hpp"

namespace raibid {

namespace {

using nlohmann::json;

json answer_of(Context& context, const Kubectl& kubectl, const Command& question) {
  const Output answer = kubectl.ask(question, question_deadline(context));
  return answer.ok() ? try_parse_json(answer.out) : json();
}

/// The versions of a group, the preferred one first.
std::vector<std::string> versions_of(const json& groups, const std::string& name) {
  std::vector<std::string> versions;
  for (const json& group : items_at(groups, {"groups"})) {
    if (text_at(group, {"name"}) != name) continue;
    versions.push_back(text_at(group, {"preferredVersion", "groupVersion"}));
    for (const json& version : items_at(group, {"versions"})) versions.push_back(text_at(version, {"groupVersion"}));
  }
  return versions;
}

}  // namespace

std::string served_api(Context& context, const Kubectl& kubectl, const std::string& group, const std::string& kind) {
  for (const std::string& version : versions_of(answer_of(context, kubectl, kubectl.api_groups()), group)) {
    const json resources = answer_of(context, kubectl, kubectl.api_group(version));
    const json& all = items_at(resources, {"resources"});
    if (std::any_of(all.begin(), all.end(), [&](const json& one) { return text_at(one, {"kind"}) == kind; }))
      return version;
  }
  return "";
}

}  // namespace raibid
