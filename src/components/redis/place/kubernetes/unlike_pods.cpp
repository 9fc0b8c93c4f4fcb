#include "components/redis/place/kubernetes/unlike_pods.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "components/kubernetes/json_view.hpp"
#include "tools/failures.hpp"

namespace raibid {

using nlohmann::json;

std::string way_to_talk(const json& pod_spec) {
  std::string way;
  for (const json& volume : items_at(pod_spec, {"volumes"})) {
    const std::string name = text_at(volume, {"name"});
    if (name == "tls") way += "TLS with " + text_at(volume, {"secret", "secretName"});
    if (name != "configuration") continue;
    const json& sources = items_at(volume, {"projected", "sources"});
    const bool has_users =
        std::any_of(sources.begin(), sources.end(), [](const json& source) { return source.contains("secret"); });
    way += has_users ? "users, " : "no users, ";
  }
  return way;
}

std::vector<std::string> delete_unlike_pods(const Kubectl& kubectl, const RedisNames& names, TimePoint deadline) {
  const Command question = kubectl.get({"statefulset/" + names.workload});
  const json sets = Kubectl::parse_items(question, kubectl.ask(question, deadline));
  if (sets.empty()) return {};
  const json& set = sets.front();
  const std::string wanted = way_to_talk(set.value("/spec/template/spec"_json_pointer, json::object()));
  std::vector<std::string> pods;
  for (int node = 0; node < number_at(set, {"spec", "replicas"}); ++node) pods.push_back("pod/" + names.pod_of(node));
  const Command others = kubectl.get(pods);
  std::vector<std::string> deleted;
  for (const json& pod : Kubectl::parse_items(others, kubectl.ask(others, deadline))) {
    const bool ends_anyhow = !text_at(pod, {"metadata", "deletionTimestamp"}).empty();
    if (ends_anyhow || way_to_talk(pod.value("spec", json::object())) == wanted) continue;
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
