#include "components/redis/place/kubernetes/history_kubernetes.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/release_state.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/release.hpp"
#include "components/redis/settings/naming.hpp"
#include "tools/helm_record.hpp"

namespace raibid {

namespace {

using nlohmann::json;

int number_of(const std::string& label) {
  int number = 0;
  std::from_chars(label.data(), label.data() + label.size(), number);
  return number;
}

/// What the StatefulSet of a revision was set up with, and its image; nothing where that is not ours, or cannot be
/// read.
void read_workload(const std::string& manifest, const RedisNames& names, Revision& revision) {
  try {
    for (const json& object : ReleaseState::objects_of(manifest)) {
      if (text_at(object, {"kind"}) != "StatefulSet" || text_at(object, {"metadata", "name"}) != names.workload)
        continue;
      for (const json& container : items_at(object, {"spec", "template", "spec", "containers"})) {
        if (text_at(container, {"name"}) == "redis") revision.image = text_at(container, {"image"});
      }
      revision.spec = parse_spec(text_at(object, {"metadata", "annotations", spec_annotation}));
    }
  } catch (const Error&) {
    revision.spec = {};
  }
}

}  // namespace

std::vector<Revision> history_kubernetes(Context& context, const RedisSettings& settings) {
  const RedisNames names(settings.release, settings.name_space, settings.cluster_domain);
  ClusterSession session = choose_cluster(context, settings.name_space, NeedsHelm::no);
  const Command question = session.kubectl.all_records(settings.release);
  std::vector<Revision> all;
  for (const json& secret : Kubectl::parse_items(question, session.kubectl.ask(question, context.deadline))) {
    const json& labels = at(secret, {"metadata", "labels"});
    if (text_at(labels, {"owner"}) != "helm" || text_at(labels, {"name"}) != settings.release) continue;
    Revision revision;
    revision.number = number_of(text_at(labels, {"version"}));
    revision.status = text_at(labels, {"status"});
    revision.at = text_at(secret, {"metadata", "creationTimestamp"});
    revision.user = text_at(labels, {user_label});
    revision.host = text_at(labels, {host_label});
    revision.operation = text_at(labels, {operation_label});  // "setup_redis": no label's value has a blank
    std::replace(revision.operation.begin(), revision.operation.end(), '_', ' ');
    if (const auto record = read_helm_record(secret)) read_workload(record->manifest, names, revision);
    all.push_back(std::move(revision));
  }
  if (all.empty()) throw_not_installed(context, subject_of(session.kubectl, settings.release));
  std::sort(all.begin(), all.end(),
            [](const Revision& left, const Revision& right) { return left.number > right.number; });
  for (Revision& revision : all) {
    revision.current = revision.status == "deployed";
    if (revision.current) break;
  }
  return all;
}

}  // namespace raibid
