#include "components/redis/place/kubernetes/undo.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <memory>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/deletion.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/lease.hpp"
#include "components/kubernetes/namespace_contents.hpp"
#include "components/kubernetes/verdict.hpp"
#include "components/redis/place/kubernetes/conversion.hpp"
#include "components/redis/place/kubernetes/deletions.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/place/kubernetes/secret_content.hpp"
#include "components/redis/place/kubernetes/vanished.hpp"
#include "tools/failures.hpp"
#include "tools/retry.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

using nlohmann::json;
using Arguments = std::map<std::string, std::string>;

constexpr Duration server_poll = std::chrono::milliseconds(500);
constexpr Duration gone_poll = std::chrono::milliseconds(200);

/// How long a StatefulSet that is being deleted may take.
constexpr Duration usual_workload_limit = std::chrono::seconds(15);
constexpr const char* claim_kind = "persistentvolumeclaim";
/// Nobody keeps what Redis writes at its end.
constexpr const char* data_goes_argument = "data_goes";
constexpr const char* nodes_argument = "nodes";
constexpr const char* more_nodes_argument = "more_nodes";
/// How long a pod gets to end before the undo goes on without it. Redis ends within a second; what takes longer is the
/// grace of a sidecar, or of a container that has not trapped SIGTERM yet.
constexpr Duration pod_patience = std::chrono::seconds(10);
/// How long the controller may take to take in what a rollback changed.
constexpr Duration controller_patience = std::chrono::seconds(5);
/// "kind/name" of what must be gone before the object may go.
constexpr const char* needed_by_argument = "needed_by";

/// What an undo needs to know of one object.
struct Found {
  std::string uid;
  std::string run;  ///< which run made it
  json object;
};

struct Record {
  int version = 0;
  std::string status;
  std::string run;
  bool proven = false;
};

/// Waits until the API server answers. False when it does not until then; `was_away` tells whether there was anything
/// to wait for.
bool server_answers(Context& context, const Kubectl& kubectl, TimePoint until, bool& was_away) {
  was_away = false;
  while (!run(context.runner, kubectl.version(), until).ok()) {
    was_away = true;
    if (context.runner.now() >= until) return false;
    context.runner.wait({}, std::min(until, context.runner.now() + server_poll));
  }
  return true;
}

/// An API server that is away for a while (it restarts, the way to it is cut), or answers with an error of its own,
/// must not leave an undo undone: helm cannot be told to try again, so the whole undo is done again.
void patiently(Context& context, const Kubectl& kubectl, const std::function<TimePoint()>& deadline,
               const std::function<void()>& undo) {
  constexpr int most_tries = 5;  // of a server that is there and refuses
  for (int tried = 1;; ++tried) {
    try {
      return undo();
    } catch (const Error& error) {
      bool was_away = false;
      const bool unreachable = error.code() == ExitCode::preflight;
      if (!unreachable || !server_answers(context, kubectl, deadline(), was_away)) throw;
      if (!was_away && (tried >= (passing_failure(error.message()) ? most_tries : 2) ||
                        context.runner.now() + server_poll * tried >= deadline()))
        throw;
      if (!was_away) context.runner.wait({}, context.runner.now() + server_poll * tried);
    }
  }
}

/// What the undos do, for one replay of a journal.
class Undoing {
 public:
  Undoing(Context& context, ClusterSession& session, const std::string& release, const RedisNames& names,
          const UndoScope& scope, std::function<TimePoint()> deadline)
      : m_release(release),
        m_context(context),
        m_helm(session.helm),
        m_kubectl(session.kubectl),
        m_names(names),
        m_scope(scope),
        m_deadline(std::move(deadline)) {}

  void remove_namespace(const Arguments& arguments) {
    const std::string& name = m_kubectl.name_space();
    const std::optional<Found> found = find("namespace", name);
    if (!found) return;
    const std::string& run = arguments.at(run_argument);
    refuse_other_run(*found, run, "namespace " + name);
    const bool recovery = run != m_scope.run;
    if (recovery) keep_left_data(arguments.at("release"));
    std::vector<std::string> contents =
        namespace_contents(m_kubectl, lease_object(arguments.at("release")), m_deadline());
    // the Secret was made with it, before its own undo could be written down
    const std::string& secret = arguments.at("secret");
    if (const std::optional<Found> made = find("secret", secret); made && made->run == run)
      std::erase(contents, "secret/" + secret);
    if (!contents.empty()) {
      const std::string what =
          fmt::format("namespace {} holds what this run did not make: {}", name, join(contents, ", "));
      if (recovery) throw Kept(what);
      throw Error(ExitCode::failure, what);
    }
    // by name: it was just looked at, and what keeps a namespace is the controller's to say
    remove_namespace_and_check(m_context, m_kubectl, m_deadline());
  }

  void remove_secret(const Arguments& arguments) {
    const std::string& name = arguments.at("name");
    const std::optional<Found> found = find("secret", name);
    if (!found) return;
    const std::string& run = arguments.at(run_argument);
    refuse_other_run(*found, run, "Secret " + name);
    if (run != m_scope.run) {
      keep_left_data(m_release);
      if (find(claim_kind, m_names.claim))
        throw Kept(fmt::format("Secret {} is kept: claim {} is still there", name, m_names.claim));
    }
    refuse_while_needed(arguments);
    remove("secret", name, found->uid);
  }

  /// A Secret or ConfigMap of TLS. It holds nobody's data, so it goes in a recovery, too, unless Redis uses it.
  void remove_certificate(const Arguments& arguments) {
    const std::string& kind = arguments.at("kind");
    const std::string& name = arguments.at("name");
    const std::optional<Found> found = find(kind, name);
    if (!found) return;
    refuse_other_run(*found, arguments.at(run_argument), kind + " " + name);
    const std::string user = name == m_names.certificate ? user_of_secret(name) : "";
    if (!user.empty() && arguments.at(run_argument) != m_scope.run)
      throw Kept(fmt::format("{} {} is kept: {} uses it", kind, name, user));
    if (!user.empty())
      throw Error(ExitCode::failure, fmt::format("{} {} stays: {} is still there and needs it", kind, name, user));
    const std::optional<Found> certificate = find("secret", m_names.certificate);
    if (name != m_names.certificate && certificate && certificate->run == found->run)
      throw Kept(fmt::format("{} {} is kept with Secret {}", kind, name, m_names.certificate));
    remove(kind, name, found->uid);
  }

  /// The StatefulSet's controller makes it, so that nothing in it tells of our run. It is known to be ours when its
  /// release was, which had to be uninstalled just now: the claim was not there before that run.
  void remove_claim(const Arguments& arguments) {
    const std::string& name = arguments.at("name");
    if (arguments.at(run_argument) != m_scope.run) keep_left_data(m_release);
    const std::optional<Found> found = find(claim_kind, name);
    if (!found) return;
    if (const std::vector<Record> records = records_of(m_release); !records.empty()) {
      if (is_of_run(records, arguments.at(run_argument))) {
        throw Error(ExitCode::failure, fmt::format("claim {} is in use: release {} is still there", name, m_release));
      }
      throw Kept(used_since(m_release));
    }
    const auto uid = m_claim_uids.find(name);
    if (uid == m_claim_uids.end() || found->uid != uid->second) {
      throw Kept(fmt::format("claim {} is kept: nothing shows that that run made it; to remove it: {}", name,
                             m_kubectl.for_people({"delete", claim_kind, name})));
    }
    refuse_while_needed(arguments);
    remove(claim_kind, name, found->uid);
  }

  void remove_backup_claim(const Arguments& arguments) {
    const std::string& name = arguments.at("name");
    const std::optional<Found> found = find(claim_kind, name);
    if (!found) return;
    const std::string& run = arguments.at(run_argument);
    refuse_other_run(*found, run, "claim " + name);
    if (run != m_scope.run || find("cronjob", m_names.backup)) {
      throw Kept(fmt::format("claim {} is kept: there may be a backup in it; to remove it: {}", name,
                             m_kubectl.for_people({"delete", claim_kind, name})));
    }
    remove(claim_kind, name, found->uid);
  }

  void disown(const Arguments& arguments) {
    const std::string& name = arguments.at("name");
    const std::optional<Found> found = find("secret", name);
    if (!found) return;
    refuse_other_run(*found, arguments.at(run_argument), "Secret " + name);
    if (arguments.at(run_argument) != m_scope.run && !records_of(m_release).empty()) throw Kept(used_since(m_release));
    // server-side apply of nothing: the fields that only we own go, everybody else's stay
    const json nothing = {{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", {{"name", name}}}};
    m_kubectl.run_checked(m_kubectl.apply(nothing), m_deadline());
  }

  void uninstall(const Arguments& arguments) {
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

  void roll_back(const Arguments& arguments) {
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
    if (!pod || revision.empty() || is_ready(pod->object)) return;
    const std::string of = text_at(pod->object, {"metadata", "labels", "controller-revision-hash"});
    const bool ends_anyhow = !text_at(pod->object, {"metadata", "deletionTimestamp"}).empty();
    if (of == revision || ends_anyhow) return;  // the one that the rollback has just made, or the controller's to end
    end_pod(arguments.at("pod"), pod->uid, false);
  }

  /// Several nodes become one again, without the claims of those that go: they are the run's, and node 0 has what is
  /// in them. Where another one has newer data all stay.
  void leave_replication(const Arguments& arguments) {
    const std::vector<Record> records = records_of(m_release);
    if (records.empty() || records.back().version <= number_in(arguments.at("newest"))) return;  // helm has not begun
    if (nodes_of_workload() > 1) {
      refuse_later_change(records, arguments);
      const int nodes = number_in(arguments.at(nodes_argument));
      const NodeConversion conversion{m_context, m_kubectl,
                                      m_names,   m_release,
                                      nodes,     [this](const std::string& what) {
                                        m_context.reporter.note(what); }};
      SecretStore store(m_context, m_kubectl, m_names.full, m_deadline);
      NodeWays ways(m_context, m_kubectl, m_names, nodes, store.read());
      ways.speak_tls(tls_client());
      if (!has_sentinel(m_names.pod)) ways.expect_sentinel(0, false);
      conversion.make_first_the_master(ways, m_deadline());
      conversion.end_failovers(ways, m_deadline());
      conversion.lead(split(arguments.at("services"), ','), NodeConversion::To::first_pod, m_deadline());
      roll_back(arguments);
    }
    wait_for_first_pod();
    remove_claims_of_others(number_in(arguments.at(nodes_argument)));
  }

  /// Of more nodes those that came go again: the master has to be one that stays.
  void as_many_nodes_as_before(const Arguments& arguments) {
    const std::vector<Record> records = records_of(m_release);
    if (records.empty() || records.back().version <= number_in(arguments.at("newest"))) return;  // helm has not begun
    const int before = number_in(arguments.at(nodes_argument));
    const int after = number_in(arguments.at(more_nodes_argument));
    if (nodes_of_workload() > before) {
      refuse_later_change(records, arguments);
      SecretStore store(m_context, m_kubectl, m_names.full, m_deadline);
      NodeWays ways(m_context, m_kubectl, m_names, after, store.read());
      ways.speak_tls(tls_client());
      const Topology now = ways.look(m_deadline());
      const ServerNode* const master = now.master();
      const NodeConversion conversion{m_context, m_kubectl,
                                      m_names,   m_release,
                                      after,     [this](const std::string& what) { m_context.reporter.note(what); }};
      if (master == nullptr || m_names.node_of(master->name) >= before)
        conversion.make_first_the_master(ways, m_deadline());
      roll_back(arguments);
    }
    remove_claims_of_others(after, before);
  }

  /// Several nodes have become one: from when the others went, nobody but node 0 has everything.
  void one_node_stays(const Arguments& arguments) {
    if (nodes_of_workload() != 1) return roll_back(arguments);
    const std::string what =
        fmt::format("release {} has one node from here on: what the others have is older", arguments.at("release"));
    if (arguments.at(run_argument) != m_scope.run) throw Kept(what);
    throw Error(ExitCode::failure, what, "go on: " + m_context.scope().command("setup redis", "--ha=false"));
  }

  /// The sentinels of several nodes, where those are still there.
  void begin_failovers(const Arguments& arguments) {
    if (nodes_of_workload() <= 1) return;
    const int nodes = number_in(arguments.at(nodes_argument));
    SecretStore store(m_context, m_kubectl, m_names.full, m_deadline);
    NodeWays ways(m_context, m_kubectl, m_names, nodes, store.read());
    ways.speak_tls(tls_client());
    const NodeConversion conversion{m_context, m_kubectl, m_names, m_release, nodes, [](const std::string&) {}};
    conversion.begin_failovers(ways, m_deadline());
  }

  /// What was changed inside Redis: in a recovery only while its release is that run's.
  void refuse_other_redis(const Arguments& arguments) const {
    if (arguments.at(run_argument) == m_scope.run) return;
    const std::vector<Record> records = records_of(m_release);
    if (records.empty()) throw Kept("");  // it is gone
    const Record& judged = last_change(records, arguments.at(run_argument));
    if (judged.run != arguments.at(run_argument) || judged.proven)
      throw Kept(fmt::format("what the interrupted run changed in the Redis of release {} is kept", m_release));
  }

 private:
  static int number_in(const std::string& text) {
    int number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }

  /// Throws Kept unless the newest revision of the release is one that the run of these arguments made.
  void refuse_later_change(const std::vector<Record>& records, const Arguments& arguments) const {
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

  /// How many pods the StatefulSet is to have; 0 without one.
  int nodes_of_workload() const {
    const std::optional<Found> set = find("statefulset", m_names.workload);
    return set ? static_cast<int>(number_at(set->object, {"spec", "replicas"})) : 0;
  }

  /// How the release speaks TLS now.
  std::optional<TlsClient> tls_client() const {
    return look_at_release(m_context, m_kubectl, m_release, {}).tls_client();
  }

  bool has_sentinel(const std::string& name) const {
    const std::optional<Found> pod = find("pod", name);
    if (!pod) return false;
    const json& containers = items_at(pod->object, {"spec", "containers"});
    return std::any_of(containers.begin(), containers.end(),
                       [](const json& container) { return text_at(container, {"name"}) == sentinel_container; });
  }

  /// Until it is of the revision that the rollback went back to, and Ready.
  void wait_for_first_pod() const {
    const std::string revision = present_revision();
    for (;;) {
      const std::optional<Found> pod = find("pod", m_names.pod);
      const bool present = pod && text_at(pod->object, {"metadata", "deletionTimestamp"}).empty() &&
                           text_at(pod->object, {"metadata", "labels", "controller-revision-hash"}) == revision;
      if (present && is_ready(pod->object)) return;
      if (m_context.runner.now() >= m_deadline())
        throw Error(ExitCode::failure, fmt::format("pod {} is not Ready after the rollback", m_names.pod));
      m_context.runner.wait({}, m_context.runner.now() + gone_poll);
    }
  }

  void remove_claims_of_others(int nodes, int first = 1) const {
    for (int node = first; node < nodes; ++node) {
      const std::string name = m_names.claim_of(node);
      const std::optional<Found> claim = find(claim_kind, name);
      if (claim) remove(claim_kind, name, claim->uid);
    }
  }

  static std::string used_since(const std::string& release) {
    return fmt::format("release {} is kept: another run has set it up since", release);
  }

  static void refuse_other_run(const Found& found, const std::string& run, const std::string& what) {
    if (found.run != run) throw Kept(what + " is kept: the interrupted run did not make it");
  }

  /// Throws Kept unless the data of an interrupted run is to go and nobody's release needs it.
  void keep_left_data(const std::string& release) const {
    if (m_scope.left_data == UndoScope::LeftData::leave) throw Kept("");
    if (!records_of(release).empty()) throw Kept(used_since(release));
    if (m_scope.left_data == UndoScope::LeftData::keep) {
      throw Kept(
          "what the interrupted run made for data is kept and used (namespace, Secret, claim); setup redis "
          "--discard-data removes it");
    }
  }

  /// The record that tells who changed the release last. A rollback that was interrupted is not a change of its own:
  /// its record has the labels of the revision that it goes back to.
  static const Record& last_change(const std::vector<Record>& records, const std::string& run) {
    const bool interrupted = records.back().status == "pending-rollback" && records.back().run != run;
    return interrupted && records.size() > 1 ? records[records.size() - 2] : records.back();
  }

  /// The release is what the first install of that run made, and nobody has changed it since, with our labels or (helm
  /// copies them) by hand.
  static bool is_of_run(const std::vector<Record>& records, const std::string& run) {
    return records.size() == 1 && records.front().run == run && !records.front().proven;
  }

  /// helm's exit code alone proves nothing.
  void check_deployed(const std::string& release) const {
    const std::vector<Record> records = records_of(release);
    const std::string status = records.empty() ? "gone" : records.back().status;
    if (status == "deployed") return;
    throw Error(ExitCode::failure, fmt::format("helm rolled release {} back, but it is {}", release, status));
  }

  /// What Redis needs stays as long as Redis may run: an uninstall that did nothing must not cost it claim or Secret.
  void refuse_while_needed(const Arguments& arguments) const {
    const auto workload = arguments.find(needed_by_argument);
    if (workload == arguments.end() || look_for(m_context, m_kubectl, {workload->second}, m_deadline()).empty()) return;
    throw Error(ExitCode::failure,
                fmt::format("{} stays: {} is still there and needs it", arguments.at("name"), workload->second));
  }

  /// The StatefulSet whose pods mount it, "" when it is not mounted.
  std::string user_of_secret(const std::string& secret) const {
    const std::optional<Found> set = find("statefulset", m_names.workload);
    if (!set) return "";
    for (const json& volume : items_at(set->object, {"spec", "template", "spec", "volumes"})) {
      if (text_at(volume, {"secret", "secretName"}) == secret) return "statefulset/" + m_names.workload;
    }
    return "";
  }

  /// The revision whose pods the StatefulSet makes, once its controller has taken in the last change; "" when it has
  /// not in time, or there is no StatefulSet: then no pod is known to be of a failed revision.
  std::string present_revision() const {
    const TimePoint until =
        std::min(m_deadline(), m_context.runner.now() + m_kubectl.cluster().pace->patience(controller_patience));
    for (;;) {
      const std::optional<Found> set = find("statefulset", m_names.workload);
      if (!set) return {};
      if (number_at(set->object, {"status", "observedGeneration"}) >=
          number_at(set->object, {"metadata", "generation"}))
        return text_at(set->object, {"status", "updateRevision"});
      if (m_context.runner.now() >= until) return {};
      m_context.runner.wait({}, std::min(until, m_context.runner.now() + gone_poll));
    }
  }

  /// Deletes that very pod, and waits for its end: not longer than what an undo can spare. Then it is left to its node,
  /// and taken away when nobody keeps its data.
  void end_pod(const std::string& name, const std::string& uid, bool data_goes) const {
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

  std::vector<Record> records_of(const std::string& release) const {
    const Command question = m_kubectl.release_records(release);
    std::vector<Record> records;
    for (const json& record : Kubectl::parse_release_records(question, m_kubectl.run(question, m_deadline()))) {
      const std::string version = record.value("version", "0");
      records.push_back({number_in(version), record.value("status", ""), record.value(run_label, ""),
                         record.value(proven_label, "") == version});
    }
    return records;
  }

  std::optional<Found> find(const std::string& kind, const std::string& name) const {
    const Command question = m_kubectl.get({kind + "/" + name});
    const json items = Kubectl::parse_items(question, m_kubectl.run(question, m_deadline()));
    if (items.empty()) return std::nullopt;
    const json& object = items.front();
    return Found{text_at(object, {"metadata", "uid"}), text_at(object, {"metadata", "annotations", run_label}), object};
  }

  std::string path_of(const std::string& kind, const std::string& name) const {
    if (kind == "namespace") return "/api/v1/namespaces/" + name;
    return fmt::format("/api/v1/namespaces/{}/{}s/{}", m_kubectl.name_space(), kind, name);
  }

  /// Deletes that very object and waits until it is gone.
  void remove(const std::string& kind, const std::string& name, const std::string& uid) const {
    const TimePoint until = m_deadline();
    if (!begin_removal(kind, name, uid))
      throw Kept(fmt::format("{} {} is kept: someone has created it again", kind, name));
    if (is_gone_by(kind, name, uid, until)) return;
    throw Error(ExitCode::failure, fmt::format("{} {} was deleted and is still there", kind, name),
                "see what keeps it: " + m_kubectl.for_people({"get", kind, name, "-o", "yaml"}));
  }

  static bool was_gone(const Output& output) { return failed_with(output, "NotFound"); }
  static bool is_another(const Output& output) { return failed_with(output, "Conflict"); }

  /// False when there is another object of that name, which is left alone.
  bool begin_removal(const std::string& kind, const std::string& name, const std::string& uid) const {
    const Command command = m_kubectl.remove_exactly(path_of(kind, name), uid);
    const Output output = m_kubectl.run(command, m_deadline());
    if (!output.ok() && is_another(output)) return false;
    if (!output.ok() && !was_gone(output)) throw Kubectl::explain(command, output);
    return true;
  }

  bool is_gone_by(const std::string& kind, const std::string& name, const std::string& uid, TimePoint until) const {
    for (;;) {
      const std::optional<Found> present = find(kind, name);
      if (!present || present->uid != uid) return true;
      if (m_context.runner.now() >= until) return false;
      m_context.runner.wait({}, std::min(until, m_context.runner.now() + gone_poll));
    }
  }

  std::string m_release;
  Context& m_context;
  const Helm& m_helm;
  const Kubectl& m_kubectl;
  const RedisNames& m_names;
  const UndoScope& m_scope;
  std::function<TimePoint()> m_deadline;
  std::optional<int> m_rollback_over;               ///< the newest revision before helm rolled back in this replay
  std::map<std::string, std::string> m_claim_uids;  ///< by name, of the release that was uninstalled in this replay
};

void refuse_without_run(const Arguments& arguments) {
  if (arguments.contains(run_argument)) return;
  throw Kept("the journal of an older version does not say which run made what: everything that it names is kept");
}

}  // namespace

void add_kubernetes_undos(UndoTable& table, Context& context, ClusterSession& session, const std::string& release,
                          const RedisNames& names, const UndoScope& scope, const std::function<TimePoint()>& deadline) {
  const auto undoing = std::make_shared<Undoing>(context, session, release, names, scope, deadline);
  for (auto& [name, action] : table) {
    if (name.starts_with("kubernetes.restore_") || name.starts_with("certificates.")) {
      action = [&context, &session, deadline, undo = action](const Arguments& arguments) {
        refuse_without_run(arguments);
        patiently(context, session.kubectl, deadline, [&] { undo(arguments); });
      };
    }
    if (!name.starts_with("redis.")) continue;
    action = [&context, &session, deadline, undoing, undo = action](const Arguments& arguments) {
      refuse_without_run(arguments);
      patiently(context, session.kubectl, deadline, [&] { undoing->refuse_other_redis(arguments); });
      undo(arguments);
    };
  }
  const auto add = [&](const std::string& name, void (Undoing::*undo)(const Arguments&)) {
    table[name] = [&context, &session, deadline, undoing, undo](const Arguments& arguments) {
      refuse_without_run(arguments);
      patiently(context, session.kubectl, deadline, [&] { ((*undoing).*undo)(arguments); });
    };
  };
  add("kubernetes.delete_namespace", &Undoing::remove_namespace);
  add("kubernetes.delete_secret", &Undoing::remove_secret);
  add("kubernetes.delete_certificate", &Undoing::remove_certificate);
  add("kubernetes.delete_claim", &Undoing::remove_claim);
  add("kubernetes.delete_backup_claim", &Undoing::remove_backup_claim);
  add("kubernetes.disown", &Undoing::disown);
  add("helm.uninstall", &Undoing::uninstall);
  add("helm.rollback", &Undoing::roll_back);
  add(leave_replication_action, &Undoing::leave_replication);
  add("kubernetes.one_node_stays", &Undoing::one_node_stays);
  add("kubernetes.begin_failovers", &Undoing::begin_failovers);
  add(more_nodes_action, &Undoing::as_many_nodes_as_before);
  table["kubernetes.delete"] = refuse_without_run;  // of a version that did not write down whose object it is
}

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

Undo undo_upgrade(const Helm& helm, const std::string& release, int revision, int newest, const std::string& pod) {
  return {
      "helm.rollback",
      {{"release", release}, {"revision", std::to_string(revision)}, {"newest", std::to_string(newest)}, {"pod", pod}},
      helm.for_people({"rollback", release, std::to_string(revision)})};
}

}  // namespace raibid
