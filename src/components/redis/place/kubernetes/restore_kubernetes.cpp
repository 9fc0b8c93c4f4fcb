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
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/place/kubernetes/restore_pod.hpp"
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/connect.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

using nlohmann::json;

/// $1 the data folder, $2 what is renamed, $3 what came.
constexpr const char* swap_in = R"(cd "$1"
mkdir before-restore
if [ -e "$2" ]; then mv "$2" before-restore/; fi
mv "$3/$2" "$2"
rm -rf "$3"
sync)";
/// $3 "yes" when there was something of that name.
constexpr const char* swap_out = R"(cd "$1"
[ -d before-restore ] || exit 0
if [ "$3" = yes ]; then
  if [ -e "before-restore/$2" ]; then rm -rf "$2"; mv "before-restore/$2" "$2"; fi
else
  rm -rf "$2"
fi
rm -rf before-restore
sync)";
/// Of a restore that is done: first a rename, from which nothing is undone any more. $2 the name of old data that stay.
constexpr const char* forget_old = R"(cd "$1"
if [ "$2" ]; then mv before-restore "$2"; exit; fi
mv before-restore replaced-by-restore
rm -rf replaced-by-restore)";
/// $2 what is renamed. Says what is there, and what df has of the claim.
constexpr const char* look_around = R"(cd "$1"
rm -rf replaced-by-restore
if [ -e "$2" ]; then echo yes; else echo no; fi
if [ -e before-restore ]; then echo left; else echo clean; fi
df -Pk . | tail -n 1)";

constexpr Duration start_poll = std::chrono::milliseconds(200);

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
        m_capacity(observed.claim() != nullptr ? observed.claim()->capacity : ""),
        m_pod(context, kubectl, json_text(restore_pod_manifest(workload, volume, m_names.full + "-restore", run))),
        m_redis(context, kubectl, m_names),
        m_login(admin_login(observed.content())) {
    m_redis.speak_tls(observed.tls_client(), observed.port());
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
      scale_workload(m_context, m_kubectl, m_names.workload, 0, m_names.pod, deadline());
      return {Outcome::changed, "no pod runs"};
    };
    return step;
  }

  Step helper_step() {
    Step step;
    step.name = "helper";
    step.intent = fmt::format("start pod {} with the claim", m_pod.name());
    step.undo = [this]() -> std::vector<Undo> {
      return {{"restore.helper", {{"pod", m_pod.manifest()}}, m_kubectl.for_people({"delete", "pod", m_pod.name()})}};
    };
    step.act = [this]() -> StepResult {
      m_pod.ensure(deadline());
      return {Outcome::changed, m_pod.name()};
    };
    return step;
  }

  std::string in_folder(const std::string& name) const { return m_folder + "/" + name; }

  Step file_step() {
    Step step;
    step.name = "file";
    step.intent = fmt::format("bring {} ({}) beside the data, and check it there", m_plan.file.string(),
                              format_bytes(m_plan.bytes));
    step.undo = [this]() -> std::vector<Undo> {
      return {{"restore.discard",
               {{"pod", m_pod.manifest()}, {"path", in_folder(m_incoming)}},
               by_hand({"rm", "-rf", in_folder(m_incoming)})}};
    };
    step.act = [this]() -> StepResult {
      look();
      const DataFiles& files = m_plan.files;
      const std::string file = in_folder(m_incoming) + "/" + files.rdb();
      const std::string folder = file.substr(0, file.rfind('/'));
      m_pod.script("umask 077; mkdir -p \"$1\"", {folder}, deadline());
      m_pod.upload(m_plan.file, file);
      if (m_pod.run({"sha256sum", file}, deadline()).substr(0, m_plan.sha256.size()) != m_plan.sha256)
        throw Error(ExitCode::failure, "the file that arrived is not the one that was sent (SHA-256)");
      check_rdb(file);
      if (files.has_folder()) {
        m_pod.script("printf '%s' \"$1\" > \"$2\"; sync",
                     {aof_manifest(files.base), folder + "/" + files.base + ".manifest"}, deadline());
      }
      return {Outcome::changed, format_bytes(m_plan.bytes)};
    };
    return step;
  }

  /// What is in the data folder, and whether the file fits.
  void look() {
    const auto lines = split(trim(m_pod.script(look_around, {m_folder, m_plan.files.name()}, deadline())), '\n');
    m_had = !lines.empty() && lines[0] == "yes";
    if (lines.size() > 1 && lines[1] == "left") {
      throw Error(ExitCode::failure,
                  fmt::format("{} holds what was there before an earlier restore, and no journal says whether that was "
                              "done",
                              in_folder(before_restore)),
                  "look at it, and move it away");
    }
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
    const Command check = m_kubectl.exec(m_pod.name(), "restore", {"redis-check-rdb", file});
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
    step.intent = fmt::format("rename {} to {}/{}, and the new data into its place", name, before_restore, name);
    step.undo = [this, name]() -> std::vector<Undo> {
      const std::string live = in_folder(name), before = in_folder(before_restore);
      return {{"restore.swap",
               {{"pod", m_pod.manifest()}, {"folder", m_folder}, {"name", name}, {"had", m_had ? "yes" : "no"}},
               m_had ? by_hand({"sh", "-c", fmt::format("rm -rf {} && mv {}/{} {}", live, before, name, live)})
                     : by_hand({"rm", "-rf", live, before})}};
    };
    step.act = [this, name]() -> StepResult {
      m_pod.script(swap_in, {m_folder, name, m_incoming}, deadline());
      return {Outcome::changed, "the old data are in " + in_folder(before_restore)};
    };
    return step;
  }

  Step start_step() {
    Step step;
    step.name = "start";
    step.intent = fmt::format("remove the helper, and scale {} to {}", m_names.workload, std::max(m_replicas, 1));
    step.undo = [this]() -> std::vector<Undo> {
      return {{"restore.stop",
               {{"workload", m_names.workload}, {"pod", m_names.pod}},
               m_kubectl.for_people({"scale", "statefulset", m_names.workload, "--replicas=0"})}};
    };
    step.act = [this]() -> StepResult {
      m_pod.remove(deadline());
      scale_workload(m_context, m_kubectl, m_names.workload, std::max(m_replicas, 1), m_names.pod, deadline());
      return {Outcome::changed, ""};
    };
    return step;
  }

  Step compare_step() {
    Step step;
    step.name = "compare";
    step.intent = "wait until Redis has loaded them, and compare the counts";
    step.undo = [] { return std::vector<Undo>{}; };
    step.act = [this]() -> StepResult { return {Outcome::unchanged, compare_counts(m_plan, connection())}; };
    return step;
  }

  RedisConnection& connection() {
    for (;;) {
      m_redis.prepare();
      if (RedisConnection* const redis = m_redis.try_connection(m_login)) return *redis;
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
      m_kubectl.run_checked(m_kubectl.exec(m_names.pod, m_container, {"sh", "-ec", forget_old, "sh", m_folder, kept}),
                            deadline());
      return {Outcome::changed, kept.empty() ? "removed" : "kept in " + in_folder(kept)};
    };
    return step;
  }

  std::string by_hand(std::vector<std::string> words) const {
    words.insert(words.begin(), {"exec", m_pod.name(), "--"});
    return m_kubectl.for_people(words);
  }

  Context& m_context;
  const Kubectl& m_kubectl;
  RedisNames m_names;
  const RestorePlan& m_plan;
  std::string m_folder, m_container, m_incoming, m_kept;
  int m_replicas;          ///< 0: it was stopped, and an undo leaves it so
  std::string m_capacity;  ///< of the claim
  RestorePod m_pod;
  KubernetesRedis m_redis;
  Login m_login;
  bool m_had = true;
};

const std::vector<Kubectl::Right>& rights_of_restore() {
  static const std::vector<Kubectl::Right> rights = {{"patch", "apps", "statefulsets", ""},
                                                     {"create", "", "pods", ""},
                                                     {"delete", "", "pods", ""},
                                                     {"create", "", "pods", "exec"}};
  return rights;
}

}  // namespace

void add_restore_undos(UndoTable& table, Context& context, const Kubectl& kubectl,
                       const std::function<TimePoint()>& until) {
  table["restore.scale"] = [&context, &kubectl, until](const auto& arguments) {
    scale_workload(context, kubectl, arguments.at("workload"), std::stoi(arguments.at("replicas")), "", until());
  };
  table["restore.helper"] = [&context, &kubectl, until](const auto& arguments) {
    RestorePod(context, kubectl, arguments.at("pod")).remove(until());
  };
  table["restore.discard"] = [&context, &kubectl, until](const auto& arguments) {
    RestorePod pod(context, kubectl, arguments.at("pod"));
    pod.ensure(until());
    pod.run({"rm", "-rf", arguments.at("path")}, until());
  };
  table["restore.swap"] = [&context, &kubectl, until](const auto& arguments) {
    RestorePod pod(context, kubectl, arguments.at("pod"));
    pod.ensure(until());
    pod.script(swap_out, {arguments.at("folder"), arguments.at("name"), arguments.at("had")}, until());
  };
  table["restore.stop"] = [&context, &kubectl, until](const auto& arguments) {
    scale_workload(context, kubectl, arguments.at("workload"), 0, arguments.at("pod"), until());
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
  // also those of another chart: with several pods another one may become master, with what it has
  if (std::max(observed.nodes(), observed.workload->replicas) > 1) {
    throw Error(ExitCode::preflight,
                fmt::format("StatefulSet {} has {} pods: a restore into several nodes is not possible yet",
                            names.workload, std::max(observed.nodes(), observed.workload->replicas)),
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
