#include "components/redis/place/kubernetes/unlike_pods.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/settled_set.hpp"
#include "components/redis/place/kubernetes/release.hpp"
#include "tools/failures.hpp"

namespace raibid {

using nlohmann::json;

namespace {

bool is_owned_by(const json& pod, const json& set) {
  const json& owners = items_at(pod, {"metadata", "ownerReferences"});
  return std::any_of(owners.begin(), owners.end(), [&](const json& owner) {
    return text_at(owner, {"uid"}) == text_at(set, {"metadata", "uid"});
  });
}

}  // namespace

std::string way_to_talk(const json& pod) {
  std::string way;
  for (const json& volume : items_at(pod, {"spec", "volumes"})) {
    const std::string name = text_at(volume, {"name"});
    if (name == "tls") way += fmt::format("TLS with {}, ", text_at(volume, {"secret", "secretName"}));
    if (name != "configuration") continue;
    const json& sources = items_at(volume, {"projected", "sources"});
    const bool has_users =
        std::any_of(sources.begin(), sources.end(), [](const json& source) { return source.contains("secret"); });
    way += has_users ? "users, " : "no users, ";
  }
  return way + text_at(pod, {"metadata", "annotations", certificate_annotation});
}

std::vector<std::string> delete_unlike_pods(Runner& runner, const Kubectl& kubectl, const RedisNames& names,
                                            TimePoint deadline) {
  const json set = settled_set(runner, kubectl, names.workload, deadline);
  const std::int64_t nodes = set.is_null() ? 0 : number_at(set, {"spec", "replicas"});
  if (nodes <= 1) return {};
  const std::string wanted = way_to_talk(at(set, {"spec", "template"}));
  std::vector<std::string> pods;
  for (int node = 0; node < nodes; ++node) pods.push_back("pod/" + names.pod_of(node));
  const Command question = kubectl.get(pods);
  std::vector<std::string> deleted;
  for (const json& pod : Kubectl::parse_items(question, kubectl.ask(question, deadline))) {
    const bool ends_anyhow = !text_at(pod, {"metadata", "deletionTimestamp"}).empty();
    if (ends_anyhow || !is_owned_by(pod, set) || way_to_talk(pod) == wanted) continue;
    const std::string name = text_at(pod, {"metadata", "name"});
    const Command command = kubectl.remove_exactly(
        fmt::format("/api/v1/namespaces/{}/pods/{}", kubectl.name_space(), name), text_at(pod, {"metadata", "uid"}));
    const Output answer = kubectl.run(command, deadline);
    const bool has_gone = failed_with(answer, "NotFound") || failed_with(answer, "Conflict");
    if (!answer.ok() && !has_gone) throw Kubectl::explain(command, answer);
    deleted.push_back(name);
  }
  return deleted;
}

}  // namespace raibid
