// What the journal holds of each undo.
#include "components/redis/place/kubernetes/undoing.hpp"

#include <fmt/format.h>

#include "components/redis/place/kubernetes/observed.hpp"

namespace raibid {

Undo undo_namespace(const Kubectl& kubectl, const std::string& release, const std::string& secret) {
  return {"kubernetes.delete_namespace",
          {{"release", release}, {"secret", secret}},
          kubectl.for_people({"delete", "namespace", kubectl.name_space()})};
}

Undo undo_secret(const Kubectl& kubectl, const std::string& secret, const std::string& needed_by) {
  std::map<std::string, std::string> arguments = {{"name", secret}};
  if (!needed_by.empty()) arguments[needed_by_argument] = needed_by;
  return {"kubernetes.delete_secret", arguments, kubectl.for_people({"delete", "secret/" + secret})};
}

Undo undo_certificate_object(const Kubectl& kubectl, const std::string& kind, const std::string& name) {
  return {"kubernetes.delete_certificate",
          {{"kind", kind}, {"name", name}},
          kubectl.for_people({"delete", fmt::format("{}/{}", kind, name)})};
}

Undo undo_backup_claim(const Kubectl& kubectl, const std::string& claim) {
  return {"kubernetes.delete_backup_claim",
          {{"name", claim}},
          kubectl.for_people({"delete", fmt::format("{}/{}", claim_kind, claim)})};
}

Undo undo_claim(const Kubectl& kubectl, const std::string& claim, const std::string& needed_by) {
  return {"kubernetes.delete_claim",
          {{"name", claim}, {needed_by_argument, needed_by}},
          kubectl.for_people({"delete", fmt::format("{}/{}", claim_kind, claim)})};
}

Undo undo_adoption(const Kubectl& kubectl, const std::string& secret) {
  return {"kubernetes.disown",
          {{"name", secret}},
          kubectl.for_people({"label", "secret", secret, fmt::format("{}-", managed_by_label)})};
}

Undo undo_install(const Helm& helm, const std::string& release, const std::string& pod, bool data_goes, int nodes) {
  std::map<std::string, std::string> arguments = {{"release", release}, {"pod", pod}};
  if (nodes > 1) arguments[nodes_argument] = std::to_string(nodes);
  if (data_goes) arguments[data_goes_argument] = "true";
  return {"helm.uninstall", arguments, helm.for_people({"uninstall", release})};
}

Undo undo_to_one_node(const Helm& helm, const std::string& release, int revision, int newest, const std::string& pod) {
  Undo undo = undo_upgrade(helm, release, revision, newest, pod);
  undo.action = "kubernetes.one_node_stays";
  return undo;
}

Undo undo_more_nodes(const Helm& helm, const std::string& release, int revision, int newest, const std::string& pod,
                     NodeNumbers nodes) {
  Undo undo = undo_upgrade(helm, release, revision, newest, pod);
  undo.action = more_nodes_action;
  undo.arguments[nodes_argument] = std::to_string(nodes.before);
  undo.arguments[more_nodes_argument] = std::to_string(nodes.after);
  return undo;
}

Undo undo_end_of_failovers(const Kubectl& kubectl, const RedisNames& names, int nodes) {
  return {"kubernetes.begin_failovers",
          {{nodes_argument, std::to_string(nodes)}},
          kubectl.for_people({"rollout", "restart", "statefulset/" + names.workload})};
}

Undo undo_replacing_all(const Kubectl& kubectl, const RedisNames& names) {
  return {"kubernetes.replace_all",
          {{"workload", names.workload}},
          kubectl.for_people({"delete", "pod", "--selector", names.selector})};
}

Undo undo_upgrade(const Helm& helm, const std::string& release, int revision, int newest, const std::string& pod) {
  return {
      "helm.rollback",
      {{"release", release}, {"revision", std::to_string(revision)}, {"newest", std::to_string(newest)}, {"pod", pod}},
      helm.for_people({"rollback", release, std::to_string(revision)})};
}

}  // namespace raibid
