// Undos of what helm did, and what is known of a release's revisions.
#include "components/redis/place/kubernetes/undoing.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/kubernetes/deletion.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/verdict.hpp"
#include "components/redis/place/kubernetes/deletions.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/place/kubernetes/vanished.hpp"
#include "ui/reporter.hpp"

namespace raibid {

using nlohmann::json;

namespace {

/// How long a StatefulSet that is being deleted may take.
constexpr Duration usual_workload_limit = std::chrono::seconds(15);
/// How long a pod gets to end before the undo goes on without it. Redis ends within a second; what takes longer is the
/// grace of a sidecar, or of a container that has not trapped SIGTERM yet.
constexpr Duration pod_patience = std::chrono::seconds(10);
/// How long the controller may take to take in what a rollback changed.
constexpr Duration controller_patience = std::chrono::seconds(5);

}  // namespace

void Undoing::uninstall(const Arguments& arguments) {
  const std::string& release = arguments.at("release");
  const std::vector<Record> records = records_of(release);
  if (records.empty()) return;
  const auto repair = arguments.find(judged_argument);
  const bool theirs = repair != arguments.end() ? records.back().version == number_in(repair->second)
                                                : is_of_run(records, arguments.at(run_argument));
  if (!theirs) throw Kept(used_since(release));
  const int nodes = arguments.contains(nodes_argument) ? number_in(arguments.at(nodes_argument)) : 1;
  std::map<std::string, std::string> pods;  // with their uids
  if (const std::optional<Found> pod = find("pod", arguments.at("pod"))) pods[arguments.at("pod")] = pod->uid;
  for (int node = 1; node < nodes; ++node) {
    if (const std::optional<Found> pod = find("pod", m_names.pod_of(node))) pods[m_names.pod_of(node)] = pod->uid;
  }
  run_helm(m_context, m_kubectl, m_helm, release, m_helm.uninstall(release), m_deadline());
  const TimePoint until =
      std::min(m_deadline(), m_context.runner.now() + m_kubectl.cluster().pace->patience(usual_workload_limit));
  check_workload_gone(m_context, m_kubectl, m_names, until, m_deadline());
  // waits for it: its last act is to write its data
  for (const auto& [name, uid] : pods) end_pod(name, uid, arguments.contains(data_goes_argument));
  for (int node = 0; node < nodes; ++node) {
    if (const std::optional<Found> claim = find(claim_kind, m_names.claim_of(node)))
      m_claim_uids[m_names.claim_of(node)] = claim->uid;
  }
}

void Undoing::roll_back(const Arguments& arguments) {
  const std::string& release = arguments.at("release");
  const std::vector<Record> records = records_of(release);
  if (records.empty()) return;
  if (const auto repair = arguments.find(judged_argument); repair != arguments.end()) {
    if (records.back().version != number_in(repair->second)) throw Kept(used_since(release));
  } else {
    if (records.back().version <= number_in(arguments.at("newest"))) return;  // helm has not begun
    refuse_later_change(records, arguments);
  }
  if (auto refusal = refuse_restart(m_context, m_kubectl, release, m_deadline()))
    throw refusal->with_code(ExitCode::failure);  // nothing that waiting would heal
  m_rollback_over = records.back().version;
  run_helm(m_context, m_kubectl, m_helm, release, m_helm.rollback(release, number_in(arguments.at("revision"))),
           m_deadline());
  check_deployed(release);
  // With OrderedReady (Bitnami's charts) a pod that never became Ready blocks the way back: it has to go by hand.
  const std::string revision = present_revision();
  const std::optional<Found> pod = find("pod", arguments.at("pod"));
  if (!pod || revision.empty() || is_ready(*pod->object)) return;
  const std::string of = text_at(*pod->object, {"metadata", "labels", "controller-revision-hash"});
  const bool ends_anyhow = !text_at(*pod->object, {"metadata", "deletionTimestamp"}).empty();
  if (of == revision || ends_anyhow) return;  // the one that the rollback has just made, or the controller's to end
  end_pod(arguments.at("pod"), pod->uid, false);
}

void Undoing::refuse_other_redis(const Arguments& arguments) const {
  if (arguments.at(run_argument) == m_scope.run) return;
  const std::vector<Record> records = records_of(m_release);
  if (records.empty()) throw Kept("");  // it is gone
  const Record& judged = last_change(records, arguments.at(run_argument));
  if (judged.run != arguments.at(run_argument) || judged.proven)
    throw Kept(fmt::format("what the interrupted run changed in the Redis of release {} is kept", m_release));
}

void Undoing::refuse_later_change(const std::vector<Record>& records, const Arguments& arguments) const {
  const int newest = number_in(arguments.at("newest"));
  const auto revisions = arguments.find("revisions");
  const int last = newest + (revisions == arguments.end() ? 1 : number_in(revisions->second));
  // a rollback of ours that failed leaves a record of its own, with the labels of what it goes back to
  const bool tried = m_rollback_over && records.back().version <= *m_rollback_over + 1;
  const Record& change = last_change(records, arguments.at(run_argument));
  const bool theirs = tried || (change.version > newest && change.version <= last &&
                                change.run == arguments.at(run_argument) && !change.proven);
  if (!theirs) throw Kept(used_since(arguments.at("release")));
}

const Undoing::Record& Undoing::last_change(const std::vector<Record>& records, const std::string& run) {
  const bool interrupted = records.back().status == "pending-rollback" && records.back().run != run;
  return interrupted && records.size() > 1 ? records[records.size() - 2] : records.back();
}

bool Undoing::is_of_run(const std::vector<Record>& records, const std::string& run) {
  return records.size() == 1 && records.front().run == run && !records.front().proven;
}

std::string Undoing::used_since(const std::string& release) {
  return fmt::format("release {} is kept: another run has set it up since", release);
}

void Undoing::check_deployed(const std::string& release) const {
  const std::vector<Record> records = records_of(release);
  const std::string status = records.empty() ? "gone" : records.back().status;
  if (status == "deployed") return;
  throw Error(ExitCode::failure, fmt::format("helm rolled release {} back, but it is {}", release, status));
}

std::vector<Undoing::Record> Undoing::records_of(const std::string& release) const {
  const Command question = m_kubectl.release_records(release);
  std::vector<Record> records;
  for (const json& record : Kubectl::parse_release_records(question, m_kubectl.run(question, m_deadline()))) {
    const std::string version = record.value("version", "0");
    records.push_back({number_in(version), record.value("status", ""), record.value(run_label, ""),
                       record.value(proven_label, "") == version});
  }
  return records;
}

int Undoing::number_in(const std::string& text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string Undoing::present_revision() const {
  const TimePoint until =
      std::min(m_deadline(), m_context.runner.now() + m_kubectl.cluster().pace->patience(controller_patience));
  for (;;) {
    const std::optional<Found> set = find("statefulset", m_names.workload);
    if (!set) return {};
    if (number_at(*set->object, {"status", "observedGeneration"}) >=
        number_at(*set->object, {"metadata", "generation"}))
      return text_at(*set->object, {"status", "updateRevision"});
    if (m_context.runner.now() >= until) return {};
    m_context.runner.wait({}, std::min(until, m_context.runner.now() + undo_poll));
  }
}

void Undoing::end_pod(const std::string& name, const std::string& uid, bool data_goes) const {
  const TimePoint until =
      std::min(m_deadline(), m_context.runner.now() + m_kubectl.cluster().pace->patience(pod_patience));
  if (!begin_removal("pod", name, uid) || is_gone_by("pod", name, uid, until)) return;
  if (!data_goes) {
    m_context.reporter.note(fmt::format("pod {} is still ending: its grace is longer than this can wait", name));
    return;
  }
  const Command command = m_kubectl.remove_exactly(path_of("pod", name), uid, 0);
  const Output output = m_kubectl.run(command, m_deadline());
  if (!output.ok() && !was_gone(output) && !is_another(output)) throw Kubectl::explain(command, output);
}

}  // namespace raibid
