#include "components/redis/place/kubernetes/restore_kubernetes.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/kubernetes/access.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/node_ways.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/place/kubernetes/restore_pod.hpp"
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/connect.hpp"
#include "components/redis/server/topology.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

using nlohmann::json;

/// What of several nodes says who is the master. Where no node has it that is node 0 (the chart's ha.sh).
constexpr const char* opinion = "sentinel";
/// $1 the data folder, $2 what is renamed, $3 what came ("": nothing), $4 what else is renamed ("": nothing).
constexpr const char* swap_in = R"(cd "$1"
mkdir before-restore
for old in "$2" "$4"; do
  if [ "$old" ] && [ -e "$old" ]; then mv "$old" before-restore/; fi
done
if [ "$3" ]; then
  mv "$3/$2" "$2"
  rm -rf "$3"
fi
sync)";
/// $3 "yes" when there was something of that name; $4 as above.
constexpr const char* swap_out = R"(cd "$1"
[ -d before-restore ] || exit 0
if [ "$4" ] && [ -e "before-restore/$4" ]; then rm -rf "$4"; mv "before-restore/$4" "$4"; fi
if [ "$3" = yes ]; then
  if [ -e "before-restore/$2" ]; then rm -rf "$2"; mv "before-restore/$2" "$2"; fi
else
  rm -rf "$2"
fi
rm -rf before-restore
sync)";
/// Of a restore that is done: first a rename, from which nothing is undone any more. $2 the name of old data that stay.
constexpr const char* forget_old = R"(cd "$1"
[ -d before-restore ] || exit 0
if [ "$2" ]; then mv before-restore "$2"; exit; fi
mv before-restore replaced-by-restore
rm -rf replaced-by-restore)";
/// Whether the restore is done for good: the old data are gone, and what came ($2) is in its place.
constexpr const char* is_forgotten = R"(cd "$1"
if [ -d before-restore ] || [ -e "$2" ]; then echo no; else echo yes; fi)";
/// $2 what is renamed. Says what is there, and what df has of the claim.
constexpr const char* look_around = R"(cd "$1"
rm -rf replaced-by-restore
if [ -e "$2" ]; then echo yes; else echo no; fi
if [ -e before-restore ]; then echo left; else echo clean; fi
df -Pk . | tail -n 1)";

constexpr Duration start_poll = std::chrono::milliseconds(200);
constexpr Duration last_question = std::chrono::seconds(30);
constexpr Duration one_look_at_nodes = std::chrono::seconds(10);

/// "/dev/sda1 8000 3000 5000 38% /data" → 5000; -1 when df said something else.
std::int64_t free_kib(const std::string& line) {
  std::vector<std::string> words;
  for (std::string& word : split(line, ' ')) {
    if (!word.empty()) words.push_back(std::move(word));
  }
  std::int64_t free = -1;
  if (words.size() > 3) std::from_chars(words[3].data(), words[3].data() + words[3].size(), free);
  return free;
}

class KubernetesRestore {
 public:
  KubernetesRestore(Context& context, const Kubectl& kubectl, const Observed& observed, const RestorePlan& plan,
                    const std::string& run, const json& workload, const DataVolume& volume)
      : m_context(context),
        m_kubectl(kubectl),
        m_names(observed.names()),
        m_plan(plan),
        m_folder(volume.folder),
        m_container(volume.container),
        m_incoming(incoming_prefix + run),
        m_kept(kept_prefix + run),
        m_replicas(observed.workload->replicas),
        m_nodes(observed.ha() ? observed.nodes() : 1),
        m_capacity(observed.claim() != nullptr ? observed.claim()->capacity : ""),
        m_content(observed.content()),
        m_tls(observed.tls_client()),
        m_redis(context, kubectl, m_names) {
    for (int node = 0; node < m_nodes; ++node) {
      const std::string name = m_names.full + "-restore" + (m_nodes > 1 ? fmt::format("-{}", node) : "");
      const auto own = data_volume_of(workload, m_names.pod_of(node));
      m_pods.emplace_back(context, kubectl, json_text(restore_pod_manifest(workload, own.value_or(volume), name, run)));
    }
    m_had.resize(m_pods.size(), true);
    m_redis.lead_to(m_names.way_to_master(m_nodes > 1));
    m_redis.speak_tls(m_tls, observed.port());
  }

  Plan plan() {
    return {stop_step(), helper_step(), file_step(), data_step(), start_step(), compare_step(), done_step()};
  }

 private:
  TimePoint deadline() const { return m_context.deadline; }

  Step stop_step() {
    Step step;
    step.name = "stop";
    step.intent = fmt::format("scale StatefulSet {} to 0; clients are refused from here on", m_names.workload);
    step.undo = [this]() -> std::vector<Undo> {
      return {
          {"restore.scale",
           {{"workload", m_names.workload}, {"replicas", std::to_string(m_replicas)}},
           m_kubectl.for_people({"scale", "statefulset", m_names.workload, fmt::format("--replicas={}", m_replicas)})}};
    };
    step.act = [this]() -> StepResult {
      scale_workload(m_context, m_kubectl, m_names.workload, 0, pods_of_redis(), deadline());
      return {Outcome::changed, "no pod runs"};
    };
    return step;
  }

  Step helper_step() {
    Step step;
    step.name = "helper";
    step.intent = fmt::format("start {} with the {}", shown_pods(), m_nodes > 1 ? "claims" : "claim");
    step.undo = [this]() -> std::vector<Undo> {
      std::vector<std::string> by_hand = {"delete", "pod"};
      for (const RestorePod& pod : m_pods) by_hand.push_back(pod.name());
      return {{"restore.helper", {{"pod", manifests()}}, m_kubectl.for_people(by_hand)}};
    };
    step.act = [this]() -> StepResult {
      for (RestorePod& pod : m_pods) pod.ensure(deadline());
      return {Outcome::changed, shown_pods()};
    };
    return step;
  }

  std::string in_folder(const std::string& name) const { return m_folder + "/" + name; }
  /// That of node 0, which the new data come to.
  RestorePod& first() { return m_pods.front(); }
  std::string manifests() const {
    json all = json::array();
    for (const RestorePod& pod : m_pods) all.push_back(parse_json(pod.manifest()));
    return json_text(all);
  }
  std::string shown_pods() const {
    std::vector<std::string> names;
    for (const RestorePod& pod : m_pods) names.push_back(pod.name());
    return (names.size() > 1 ? "pods " : "pod ") + join(names, ", ");
  }
  std::vector<std::string> pods_of_redis() const {
    std::vector<std::string> names;
    for (int node = 0; node < m_nodes; ++node) names.push_back(m_names.pod_of(node));
    return names;
  }
  /// What is renamed beside the data.
  std::string beside() const { return m_nodes > 1 ? opinion : ""; }

  Step file_step() {
    Step step;
    step.name = "file";
    step.intent = fmt::format("bring {} ({}) beside the data, and check it there", m_plan.file.string(),
                              format_bytes(m_plan.bytes));
    step.undo = [this]() -> std::vector<Undo> {
      return {{"restore.discard",
               {{"pod", m_pods.front().manifest()}, {"path", in_folder(m_incoming)}},
               by_hand({"rm", "-rf", in_folder(m_incoming)})}};
    };
    step.act = [this]() -> StepResult {
      look();
      const DataFiles& files = m_plan.files;
      const std::string file = in_folder(m_incoming) + "/" + files.rdb();
      const std::string folder = file.substr(0, file.rfind('/'));
      first().script("umask 077; mkdir -p \"$1\"", {folder}, deadline());
      first().upload(m_plan.file, file);
      if (first().run({"sha256sum", file}, deadline()).substr(0, m_plan.sha256.size()) != m_plan.sha256)
        throw Error(ExitCode::failure, "the file that arrived is not the one that was sent (SHA-256)");
      check_rdb(file);
      if (files.has_folder()) {
        first().script("printf '%s' \"$1\" > \"$2\"; sync",
                       {aof_manifest(files.base), folder + "/" + files.base + ".manifest"}, deadline());
      }
      return {Outcome::changed, format_bytes(m_plan.bytes)};
    };
    return step;
  }

  /// What is in the data folders, and whether the file fits.
  void look() {
    for (std::size_t node = m_pods.size(); node-- > 0;) look_at(node);
  }

  void look_at(std::size_t node) {
    const auto lines = split(trim(m_pods[node].script(look_around, {m_folder, m_plan.files.name()}, deadline())), '\n');
    m_had[node] = !lines.empty() && lines[0] == "yes";
    if (lines.size() > 1 && lines[1] == "left") {
      throw Error(ExitCode::failure,
                  fmt::format("{} of node {} holds what was there before an earlier restore, and no journal says "
                              "whether that was done",
                              in_folder(before_restore), node),
                  "look at it, and move it away");
    }
    if (node > 0) return;
    std::int64_t free = -1;
    if (lines.size() > 2) free = free_kib(lines[2]);
    const std::int64_t needed = m_plan.bytes + m_plan.bytes / 10;
    if (free >= 0 && free * 1024 < needed) {
      throw Error(ExitCode::failure,
                  fmt::format("the claim has room for {}, and the backup takes {} beside the data that are there",
                              format_bytes(free * 1024), format_bytes(m_plan.bytes)),
                  "make the claim larger: " + m_context.scope().command("setup redis", size_for(needed - free * 1024)));
    }
  }

  /// "--size 9Gi": with so many bytes more than now.
  std::string size_for(std::int64_t more) const {
    constexpr std::int64_t gib = std::int64_t{1} << 30;
    const std::int64_t now = m_capacity.empty() ? 0 : parse_bytes(m_capacity, "the claim");
    return fmt::format("--size {}Gi", (now + more + gib - 1) / gib);
  }

  void check_rdb(const std::string& file) {
    const Command check = m_kubectl.exec(first().name(), "restore", {"redis-check-rdb", file});
    const Output output = m_kubectl.run(check, deadline());
    if (output.ok()) return;
    const auto lines = split(trim(output.out), '\n');
    if (output.out.find("RDB") == std::string::npos && output.out.find("Checking") == std::string::npos) {
      m_context.reporter.note("the image has no redis-check-rdb: what Redis loads is compared instead");
      return;
    }
    throw Error(ExitCode::failure, fmt::format("the Redis there does not read this file: {}",
                                               lines.empty() ? "" : printable(lines.back())));
  }

  Step data_step() {
    const std::string name = m_plan.files.name();
    Step step;
    step.name = "data";
    step.intent = fmt::format("rename {} to {}/{}, and the new data into its place{}", name, before_restore, name,
                              m_nodes > 1 ? "; node 0 gets them, and the others copy from it" : "");
    step.undo = [this, name]() -> std::vector<Undo> {
      const std::string live = in_folder(name), before = in_folder(before_restore);
      std::string had;
      for (const bool one : m_had) had += one ? "y" : "n";
      return {{"restore.swap",
               {{"pod", manifests()},
                {"folder", m_folder},
                {"name", name},
                {"had", had},
                {"incoming", m_incoming},
                {"beside", beside()},
                {"kept", m_plan.keep_old ? m_kept : ""}},
               m_had[0] ? by_hand({"sh", "-c", fmt::format("rm -rf {} && mv {}/{} {}", live, before, name, live)})
                        : by_hand({"rm", "-rf", live, before})}};
    };
    // node 0 first, and last when it is undone: what is kept there says whether the restore is done
    step.act = [this, name]() -> StepResult {
      for (std::size_t node = 0; node < m_pods.size(); ++node)
        m_pods[node].script(swap_in, {m_folder, name, node == 0 ? m_incoming : "", beside()}, deadline());
      return {Outcome::changed, "the old data are in " + in_folder(before_restore)};
    };
    return step;
  }

  Step start_step() {
    Step step;
    step.name = "start";
    step.intent = fmt::format("remove the helper, and scale {} to {}", m_names.workload, std::max(m_replicas, m_nodes));
    step.undo = [this]() -> std::vector<Undo> {
      return {{"restore.stop",
               {{"workload", m_names.workload}, {"pod", join(pods_of_redis(), ",")}},
               m_kubectl.for_people({"scale", "statefulset", m_names.workload, "--replicas=0"})}};
    };
    step.act = [this]() -> StepResult {
      for (RestorePod& pod : m_pods) pod.remove(deadline());
      scale_workload(m_context, m_kubectl, m_names.workload, std::max(m_replicas, m_nodes), pods_of_redis(),
                     deadline());
      return {Outcome::changed, ""};
    };
    return step;
  }

  Step compare_step() {
    Step step;
    step.name = "compare";
    step.intent = "wait until Redis has loaded them, and compare the counts";
    step.undo = [] { return std::vector<Undo>{}; };
    step.act = [this]() -> StepResult {
      if (m_nodes > 1) wait_for_nodes();
      return {Outcome::unchanged, compare_counts(m_plan, connection())};
    };
    return step;
  }

  /// Until all are in sync, the sentinels agree, and the proxies lead to the master.
  void wait_for_nodes() {
    NodeWays ways(m_context, m_kubectl, m_names, m_nodes, m_content);
    ways.speak_tls(m_tls);
    for (;;) {
      const Topology seen = ways.look(std::min(deadline(), m_context.runner.now() + one_look_at_nodes));
      const std::string trouble = trouble_of_all(seen);
      if (trouble.empty()) return;
      if (m_context.runner.now() >= deadline())
        throw Error(ExitCode::failure, "the nodes do not come up with the new data: " + trouble,
                    m_kubectl.for_people({"logs", "statefulset/" + m_names.workload, "--all-containers"}));
      m_context.reporter.step_progress("compare", trouble);
      m_context.runner.wait({}, std::min(deadline(), m_context.runner.now() + start_poll));
    }
  }

  RedisConnection& connection() {
    for (;;) {
      m_redis.prepare();
      if (RedisConnection* const redis = m_redis.try_connection(admin_login(m_content))) return *redis;
      m_context.reporter.step_progress("compare", m_redis.waiting_for());
      if (m_context.runner.now() >= deadline()) {
        throw Error(ExitCode::failure, "Redis does not answer with the new data: " + m_redis.waiting_for(),
                    m_kubectl.for_people({"logs", m_names.pod}));
      }
      Process* const process = m_redis.tunnel().process();
      m_context.runner.wait({&process, 1}, std::min(deadline(), m_context.runner.now() + start_poll));
    }
  }

  Step done_step() {
    Step step;
    step.name = "old data";
    step.intent = m_plan.keep_old ? "keep them beside the new ones: there is no copy of them" : "remove them";
    step.undo = [] { return std::vector<Undo>{}; };
    step.act = [this]() -> StepResult {
      const std::string kept = m_plan.keep_old ? m_kept : "";
      for (const std::string& pod : pods_of_redis()) forget_in(pod, kept);  // node 0 first
      return {Outcome::changed, kept.empty() ? "removed" : "kept in " + in_folder(kept)};
    };
    return step;
  }

  /// From the rename in node 0 on nothing is undone any more. A connection that broke says nothing of it: it is asked.
  void forget_in(const std::string& pod, const std::string& kept) {
    try {
      m_kubectl.run_checked(m_kubectl.exec(pod, m_container, {"sh", "-ec", forget_old, "sh", m_folder, kept}),
                            deadline());
    } catch (const Error&) {
      const TimePoint until = m_context.runner.now() + last_question;
      const Output now = m_kubectl.run(
          m_kubectl.exec(pod, m_container, {"sh", "-ec", is_forgotten, "sh", m_folder, m_incoming}), until);
      if (!now.ok() || trim(now.out) != "yes") throw;
    }
  }

  std::string by_hand(std::vector<std::string> words) const {
    words.insert(words.begin(), {"exec", m_pods.front().name(), "--"});
    return m_kubectl.for_people(words);
  }

  Context& m_context;
  const Kubectl& m_kubectl;
  RedisNames m_names;
  const RestorePlan& m_plan;
  std::string m_folder, m_container, m_incoming, m_kept;
  int m_replicas;  ///< 0: it was stopped, and an undo leaves it so
  int m_nodes;
  std::string m_capacity;  ///< of the claim
  SecretContent m_content;
  std::optional<TlsClient> m_tls;
  std::vector<RestorePod> m_pods;  ///< one for each node
  KubernetesRedis m_redis;
  std::vector<bool> m_had;  ///< of each node: there was something
};

const std::vector<Kubectl::Right>& rights_of_restore() {
  static const std::vector<Kubectl::Right> rights = {{"patch", "apps", "statefulsets", ""},
                                                     {"create", "", "pods", ""},
                                                     {"delete", "", "pods", ""},
                                                     {"create", "", "pods", "exec"}};
  return rights;
}

}  // namespace

namespace {

std::vector<RestorePod> pods_in(Context& context, const Kubectl& kubectl, const std::string& manifests) {
  std::vector<RestorePod> pods;
  for (const json& manifest : parse_json(manifests)) pods.emplace_back(context, kubectl, json_text(manifest));
  return pods;
}

}  // namespace

void add_restore_undos(UndoTable& table, Context& context, const Kubectl& kubectl,
                       const std::function<TimePoint()>& until) {
  table["restore.scale"] = [&context, &kubectl, until](const auto& arguments) {
    scale_workload(context, kubectl, arguments.at("workload"), std::stoi(arguments.at("replicas")), {}, until());
  };
  table["restore.helper"] = [&context, &kubectl, until](const auto& arguments) {
    for (RestorePod& pod : pods_in(context, kubectl, arguments.at("pod"))) pod.remove(until());
  };
  table["restore.discard"] = [&context, &kubectl, until](const auto& arguments) {
    RestorePod pod(context, kubectl, arguments.at("pod"));
    pod.ensure(until());
    pod.run({"rm", "-rf", arguments.at("path")}, until());
  };
  table["restore.swap"] = [&context, &kubectl, until](const auto& arguments) {
    std::vector<RestorePod> pods = pods_in(context, kubectl, arguments.at("pod"));
    const std::string &folder = arguments.at("folder"), &name = arguments.at("name"), &had = arguments.at("had"),
                      &beside = arguments.at("beside");
    for (RestorePod& pod : pods) pod.ensure(until());
    // where node 0 keeps nothing any more the restore is done, and the others are to forget as well
    const bool is_done = trim(pods.front().script(is_forgotten, {folder, arguments.at("incoming")}, until())) == "yes";
    for (std::size_t node = pods.size(); node-- > 0;) {
      if (is_done) {
        pods[node].script(forget_old, {folder, arguments.at("kept")}, until());
      } else {
        pods[node].script(swap_out, {folder, name, had.at(node) == 'y' ? "yes" : "no", beside}, until());
      }
    }
    if (is_done) throw Kept("the restore was done for good, and the new data stay");
  };
  table["restore.stop"] = [&context, &kubectl, until](const auto& arguments) {
    scale_workload(context, kubectl, arguments.at("workload"), 0, split(arguments.at("pod"), ','), until());
  };
}

std::string restore_kubernetes(Context& context, const RedisSettings& settings, const RestorePlan& plan) {
  const RedisNames names(settings.release, settings.name_space, settings.cluster_domain);
  ClusterSession session = choose_cluster(context, settings.name_space, NeedsHelm::no);
  const Kubectl& kubectl = session.kubectl;
  const Observed observed = observe(context, kubectl, names, settings);
  const std::string subject = fmt::format("{}, release {}", describe(kubectl), settings.release);
  if (!observed.workload) {
    throw_not_installed(context, subject_of(kubectl, settings.release));
  }
  // another chart's: one of several pods may become the master with what it has, and this program does not know which
  if (observed.workload->replicas > 1 && !observed.ha()) {
    throw Error(
        ExitCode::preflight,
        fmt::format("StatefulSet {} has {} pods, and was not set up with --ha: who of them is the master is not "
                    "up to raibid-cli",
                    names.workload, observed.workload->replicas),
        "restore into a release of one node, and let the applications use that one");
  }
  const Command question = kubectl.get({"statefulset/" + names.workload});
  const json workloads = Kubectl::parse_items(question, kubectl.ask(question, context.deadline));
  const auto volume = workloads.empty() ? std::nullopt : data_volume_of(workloads.front(), names.pod);
  if (!volume) {
    throw Error(
        ExitCode::preflight,
        fmt::format("StatefulSet {} has no claim: it keeps nothing, and would forget the backup at its next start",
                    names.workload),
        "set it up with storage first (--size), and without --no-persistence");
  }
  const Command review = kubectl.review_rights(rights_of_restore());
  const auto refused = Kubectl::parse_refused(rights_of_restore(), review, kubectl.ask(review, context.deadline));
  if (!refused.empty()) throw missing_rights(refused, kubectl);
  const Duration patience = context.pace->patience(undo_limit) + std::chrono::minutes(2);
  ReleaseLock lock(context, kubectl, settings.release, "restore redis", context.deadline + patience);
  lock.seen(observed.lease);
  if (!context.guard.dry_run()) lock.refuse_if_held();
  JournaledRun run(context,
                   {"restore redis", subject, journal_key(observed.cluster_uid, settings.name_space, settings.release)},
                   patience);
  refuse_left_of_another_command(context, run, "restore ");
  add_common_undos(run.undos(), context, []() -> RedisConnection& {
    throw Error(ExitCode::remains, "a restore alone leaves nothing in Redis to undo");
  });
  add_restore_undos(run.undos(), context, kubectl, [&run] { return run.undo_until(); });
  run.also_hold(
      [&](Before what) { return lock.taken_over(what == Before::act ? context.deadline : run.undo_until()); });
  KubernetesRestore restore(context, kubectl, observed, plan, run.id(), workloads.front(), *volume);
  if (context.guard.dry_run()) return describe_plan(restore.plan());
  if (plan.agree) {
    plan.agree();
    refuse_if_changed_since(context, kubectl, names, settings, observed);  // question and copy took their time
  }
  const bool interrupted = run.open();
  run.before([&] {
    lock.acquire();
    if (interrupted) run.recover();
  });
  run.execute(restore.plan());
  context.signals.acknowledge();
  lock.release();
  return "";
}

}  // namespace raibid
