#include "components/redis/place/kubernetes/status_kubernetes.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/session.hpp"
#include "components/kubernetes/verdict.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/kubernetes/deletions.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/place/kubernetes/secret_content.hpp"
#include "components/redis/place/kubernetes/server_files.hpp"
#include "components/redis/place/kubernetes/store_secret.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/server/secret_problem.hpp"
#include "components/redis/settings/record.hpp"

namespace raibid {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::string repair(const HealthReport& report) { return "setup repairs it: " + report.scope().command("setup redis"); }

void examine_record(const json* record, const std::string& name, HealthReport& report) {
  const std::string status = record ? record->value("status", "") : "missing";
  const std::string revision = record ? record->value("version", "0") : "0";
  report.data()["release"] = {{"name", name}, {"revision", std::stoi(revision)}, {"status", status}};
  report.add(
      {"release", status == "deployed", fmt::format("{}, revision {}, {}", name, revision, status), repair(report)});
}

void examine_workload(const json* workload, const json* pod, const std::string& name, const Kubectl& kubectl,
                      HealthReport& report) {
  const int wanted = workload ? workload->value("/spec/replicas"_json_pointer, 0) : 0;
  const int ready = workload ? workload->value("/status/readyReplicas"_json_pointer, 0) : 0;
  const auto deletion = workload ? deletion_of(*workload) : std::nullopt;
  report.data()["workload"] = {{"replicas", wanted}, {"ready_replicas", ready}};
  if (deletion) {
    report.add({"workload", false, fmt::format("{} of {} ready, {}", ready, wanted, describe(*deletion)),
                "it goes as soon as nothing holds it (metadata.finalizers); then setup makes it again: " +
                    report.scope().command("setup redis")});
    return;
  }
  const bool only_exporter = wanted == 1 && ready == 0 && pod && is_ready_without(*pod, exporter_container);
  report.add({"workload", workload && wanted > 0 && (ready == wanted || only_exporter),
              workload ? fmt::format("{} of {} ready{}", ready, wanted, only_exporter ? ", but for the exporter" : "")
                       : "missing",
              workload && wanted == 0 ? "it is scaled to zero; start it again: " +
                                            kubectl.for_people({"scale", "statefulset", name, "--replicas=1"})
                                      : repair(report)});
}

}  // namespace

namespace {

void examine_exporter(const json& pod, const std::string& name, const Kubectl& kubectl, HealthReport& report) {
  Observation seen;
  seen.pod = &pod;
  seen.aside = exporter_container;
  seen.command = [&](const std::vector<std::string>& arguments) { return kubectl.for_people(arguments); };
  const auto trouble = judge_aside(seen);
  report.add({"exporter", false,
              "Redis works, and its exporter does not: " +
                  (trouble ? printable(trouble->text)
                           : fmt::format("container {} of pod {} does not run", exporter_container, name)),
              trouble ? printable(trouble->hint) : kubectl.for_people({"describe", "pod", name})});
}

}  // namespace

namespace {

/// Why a pod does not run: what the scheduler says of it (resources, taints, volumes), else what a container waits for.
std::string why_not_running(const json& pod) {
  for (const json& condition : items_at(pod, {"status", "conditions"})) {
    if (text_at(condition, {"type"}) != "PodScheduled" || text_at(condition, {"status"}) != "False") continue;
    return text_at(condition, {"message"});
  }
  for (const char* const kind : {"initContainerStatuses", "containerStatuses"}) {
    for (const json& container : items_at(pod, {"status", kind})) {
      const std::string reason = text_at(container, {"state", "waiting", "reason"});
      if (reason.empty() || reason == "PodInitializing" || reason == "ContainerCreating") continue;
      const std::string message = text_at(container, {"state", "waiting", "message"});
      return fmt::format("container {}: {}{}", text_at(container, {"name"}), reason,
                         message.empty() ? "" : ": " + message);
    }
  }
  return "";
}

}  // namespace

void examine_pod(const json* pod, const std::string& name, const Kubectl& kubectl, HealthReport& report) {
  if (!pod) {
    report.data()["pod"] = nullptr;
    report.add({"pod", false, name + " does not exist", kubectl.for_people({"describe", "statefulset"})});
    return;
  }
  const std::string phase = pod->value("/status/phase"_json_pointer, "");
  int restarts = 0;
  const bool goes = pod->contains("/metadata/deletionTimestamp"_json_pointer);
  const bool ready = is_ready(*pod) && !goes;
  ordered_json last = nullptr;
  for (const json& container : pod->value("/status/containerStatuses"_json_pointer, json::array())) {
    restarts += container.value("restartCount", 0);
    const json ended = container.value("/lastState/terminated"_json_pointer, json());
    if (ended.is_object()) {
      last = {{"container", container.value("name", "")},
              {"reason", ended.value("reason", "")},
              {"exit_code", ended.value("exitCode", 0)},
              {"finished_at", ended.value("finishedAt", "")}};
    }
  }
  const bool serves = ready || is_ready_without(*pod, exporter_container);
  report.data()["pod"] = {
      {"name", name}, {"phase", phase}, {"ready", ready}, {"restarts", restarts}, {"last_termination", last}};
  std::string text = fmt::format("{} {}, {} restarts", name,
                                 ready    ? "Ready"
                                 : serves ? "ready except for its exporter"
                                 : goes   ? "is being deleted"
                                          : phase + ", not Ready",
                                 restarts);
  if (last.is_object()) {
    text += fmt::format(" (last: {} of {}, exit code {}, {})", last["reason"].get<std::string>(),
                        last["container"].get<std::string>(), last["exit_code"].get<int>(),
                        last["finished_at"].get<std::string>());
  }
  if (const std::string why = serves || goes ? "" : why_not_running(*pod); !why.empty()) text += ": " + why;
  report.add({"pod", serves, text, kubectl.for_people({"describe", "pod", name})});
  if (serves && !ready) examine_exporter(*pod, name, kubectl, report);
}

namespace {

/// A quantity that cannot be read counts as none: status only compares.
std::int64_t bytes_of(const std::string& quantity) {
  try {
    return quantity.empty() ? 0 : parse_bytes(quantity, "a claim's size");
  } catch (const Error&) {
    return 0;
  }
}

/// A further name leads to this Redis when its Service selects the release's pods, or is a name for the release's host.
bool leads_here(const json* service, const RedisNames& names, const std::string& release) {
  if (!service) return false;
  const json spec = service->value("spec", json::object());
  if (spec.value("type", "") == "ExternalName") return spec.value("externalName", "") == names.host;
  return spec.value("selector", json::object()).value("app.kubernetes.io/instance", "") == release;
}

void examine_services(const FoundRelease& found, const std::vector<std::string>& services, HealthReport& report) {
  const RedisNames names(found.release(), found.name_space());
  report.data()["services"] = ordered_json::array();
  for (const std::string& service : services) {
    const json* const there = found.service(service);
    const bool leads = leads_here(there, names, found.release());
    report.data()["services"].push_back({{"name", service}, {"leads_here", leads}});
    const std::string what = !there ? "does not exist" : leads ? "leads to " + names.workload : "leads elsewhere";
    report.add({"service", leads, service + " " + what,
                there ? "somebody else made or changed it: the application reaches something else by this name"
                      : repair(report)});
  }
}

}  // namespace

void examine_claim(const json* claim, const std::string& name, const std::string& release, bool wanted,
                   const Kubectl& kubectl, HealthReport& report) {
  if (!claim) {
    report.data()["claim"] = nullptr;
    if (wanted)
      report.add({"claim", false, name + " does not exist: the data would not survive a restart", repair(report)});
    return;
  }
  const std::string phase = claim->value("/status/phase"_json_pointer, "");
  const std::string requested = claim->value("/spec/resources/requests/storage"_json_pointer, "");
  const std::string size = claim->value("/status/capacity/storage"_json_pointer, requested);
  const std::string storage_class = claim->value("/spec/storageClassName"_json_pointer, "");
  report.data()["claim"] = {
      {"name", name}, {"phase", phase}, {"capacity", size}, {"requested", requested}, {"storage_class", storage_class}};
  const std::string shown =
      bytes_of(size) < bytes_of(requested) ? fmt::format("{}, growing to {}", size, requested) : size;
  const std::string text = fmt::format("{} {}, {}, {}", name, phase, shown, storage_class);
  if (const auto deletion = deletion_of(*claim)) {
    report.add({"claim", false,
                fmt::format("{}; it {}: the next restart of Redis loses the data", text, describe(*deletion)),
                join(how_to_keep_data(kubectl, release, claim->value("/spec/volumeName"_json_pointer, "")), "; ")});
    return;
  }
  report.add({"claim", phase == "Bound", text, kubectl.for_people({"describe", "pvc", name})});
}

void examine_trimming(const json* cronjob, const Kubectl& kubectl, HealthReport& report) {
  if (!cronjob) return;
  const std::string name = cronjob->value("/metadata/name"_json_pointer, "");
  const std::string schedule = cronjob->value("/spec/schedule"_json_pointer, "");
  const std::string began = cronjob->value("/status/lastScheduleTime"_json_pointer, "");
  const std::string succeeded = cronjob->value("/status/lastSuccessfulTime"_json_pointer, "");
  const bool running = !cronjob->value("/status/active"_json_pointer, json::array()).empty();
  const bool suspended = cronjob->value("/spec/suspend"_json_pointer, false);
  // both are RFC 3339 in UTC, which sort as text
  const bool failed = !running && began > succeeded;
  report.data()["trimming"] = {{"schedule", schedule},
                               {"suspended", suspended},
                               {"running", running},
                               {"last_started", began.empty() ? ordered_json() : ordered_json(began)},
                               {"last_succeeded", succeeded.empty() ? ordered_json() : ordered_json(succeeded)}};
  const std::string success = succeeded.empty() ? "none has succeeded yet" : "last success " + succeeded;
  if (suspended) {
    report.add({"trimming", false, fmt::format("CronJob {} is suspended; {}", name, success), repair(report)});
  } else if (failed) {
    report.add({"trimming", false, fmt::format("the run of {} failed; {}", began, success),
                "see why: " + kubectl.for_people({"logs", "-l", "app.kubernetes.io/component=trim", "--tail=20"}) +
                    "; by hand: " + report.scope().command("queue trim")});
  } else {
    const std::string run = running && succeeded.empty() ? "the first run is under way"
                            : succeeded.empty()          ? "no run yet"
                                                         : success + (running ? ", running now" : "");
    report.add({"trimming", true, fmt::format("{} ({})", run, schedule)});
  }
}

void examine_deletions(const FoundRelease& found, const Kubectl& kubectl, HealthReport& report) {
  report.data()["being_deleted"] = ordered_json::array();
  for (const Deletion& deletion : found.deletions()) {
    report.data()["being_deleted"].push_back(deletion.object);
    const std::string kind = deletion.object.substr(0, deletion.object.find('/'));
    const bool has_its_line = kind == "statefulset" || kind == "pod" || kind == "persistentvolumeclaim";
    if (has_its_line) continue;
    const bool is_volume = kind == "persistentvolume";
    const std::string volume = deletion.object.substr(kind.size() + 1);
    report.add({is_volume ? "volume" : kind, false, deletion.object + " " + describe(deletion),
                is_volume ? join(how_to_keep_data(kubectl, found.release(), volume), "; ")
                          : "see what holds it: " + kubectl.for_people({"get", deletion.object, "-o", "yaml"})});
  }
}

namespace {

/// A line for each difference between the release's record and the cluster.
void examine_state(const ReleaseState& state, HealthReport& report) {
  ordered_json& data = report.data();
  data["differences"] = ordered_json::array();
  data["compared"] = state.unknown().empty();
  if (!state.unknown().empty()) {
    report.add({"objects", true, "not compared with the release: " + state.unknown()});
    return;
  }
  for (const Drift& drift : state.drift()) {
    const std::string hint = !drift.owner.empty()    ? "what takes it over also changes it; look there first"
                             : drift.replaces_pods() ? "this restarts Redis; " + repair(report)
                                                     : repair(report);
    for (const std::string& line : drift.lines()) {
      data["differences"].push_back(line);
      report.add({"objects", false, line, hint});
    }
  }
  for (const auto& [service, why] : state.dead_services()) {
    const std::string line = fmt::format("Service {} leads to no ready pod: {}", service, why);
    data["differences"].push_back(line);
    report.add(
        {"objects", false, line,
         state.drift().empty() ? "applications reach nothing by this name; see the check of the pod" : repair(report)});
  }
  if (state.drift().empty() && state.dead_services().empty()) {
    report.add({"objects", true,
                fmt::format("{} as in revision {}",
                            counted(static_cast<std::int64_t>(state.manifest().size()), "object", "objects"),
                            state.revision())});
  }
}

void examine_secret(const json* secret, const std::string& name, bool wanted, HealthReport& report) {
  if (!wanted) return;
  if (const std::string problem = secret_problem(content_of(secret)); !problem.empty()) {
    report.add({"secret", false,
                fmt::format("Secret {} was changed by hand: {}; after its next start Redis would let nobody in", name,
                            problem),
                "setup puts back what this machine's credentials file has, or says what it needs for that: " +
                    report.scope().command("setup redis")});
  }
  if (secret) return;
  report.add({"secret", false, fmt::format("Secret {} is gone: the next pod cannot start", name),
              "setup makes it again, or says what it needs for that: " + report.scope().command("setup redis")});
}

/// Whether the Secret that the password is taken from still has the one that Redis was given.
void examine_store(const Kubectl& kubectl, const FoundRelease& found, const SecretReference& existing, TimePoint until,
                   HealthReport& report) {
  const Command question = kubectl.get({"secret/" + existing.name});
  const json secrets = Kubectl::parse_items(question, kubectl.ask(question, until));
  const SecretContent content = secrets.empty() ? SecretContent() : content_of(&secrets.front());
  const Secret ours = value_of(content_of(found.object("Secret")), password_key);
  const bool there = content.contains(existing.key);
  const bool same = there && value_of(content, existing.key) == ours;
  report.data()["store"] = {{"secret", existing.name}, {"key", existing.key}, {"same", same}};
  const std::string sync = report.scope().command("credentials sync");
  report.add({"store", same,
              same ? fmt::format("Secret {} has the password of Redis", existing.text())
              : there
                  ? fmt::format("Secret {} has another password than Redis: the store has changed it", existing.text())
                  : fmt::format("Secret {} {}", existing.text(), secrets.empty() ? "is gone" : "has no such key"),
              there ? "to take it over, while the one of before still holds: " + sync
                    : "Redis and its own Secret are as they were; let whatever keeps it make it again"});
}

/// Who status logs in as.
Login login_for(const FoundRelease& found) { return admin_login(content_of(found.object("Secret"))); }

}  // namespace

bool answers(const FoundRelease& found, KubernetesRedis& redis, TimePoint until) {
  return redis.answers(login_for(found), until);
}

Spec expected_spec(const FoundRelease& found, const RedisSettings& otherwise) {
  const json* const workload = found.object("StatefulSet");
  const json annotations =
      workload ? workload->value("/metadata/annotations"_json_pointer, json::object()) : json::object();
  return annotations.contains(spec_annotation) ? found.spec() : spec_of(otherwise);
}

HealthReport examine_release(const Kubectl& kubectl, const FoundRelease& found, const Spec& expected,
                             KubernetesRedis& redis, int unfinished, TimePoint until, const Scope& scope) {
  const RedisNames names(found.release(), found.name_space());
  HealthReport report;
  report.set_scope(scope.found("kubernetes", found.name_space(), found.release(), expected.preset));
  report.data() = {{"target", "kubernetes"},
                   {"context", kubectl.cluster().context},
                   {"server", kubectl.cluster().server},
                   {"namespace", found.name_space()},
                   {"preset", expected.preset},
                   {"unfinished_runs", unfinished}};
  if (unfinished > 0)
    report.add({"journal", false, counted(unfinished, "interrupted run is", "interrupted runs are") + " not undone",
                "setup undoes that first: " + report.scope().command("setup redis")});
  examine_record(found.record(), found.release(), report);
  examine_workload(found.object("StatefulSet"), found.object("Pod"), names.workload, kubectl, report);
  examine_pod(found.object("Pod"), names.pod, kubectl, report);
  examine_claim(found.object("PersistentVolumeClaim"), names.claim, found.release(), expected.persistence, kubectl,
                report);
  examine_secret(found.object("Secret"), names.full, expected.auth, report);
  const auto existing = existing_secret_of(expected);
  if (existing && existing->name != names.full) examine_store(kubectl, found, *existing, until, report);
  examine_services(found, expected.services, report);
  examine_deletions(found, kubectl, report);
  examine_trimming(found.object("CronJob"), kubectl, report);
  examine_state(found.state(), report);
  const ServerFiles files = server_files(found.state().manifest(), names);
  try {
    RedisConnection& connection = redis.connection(login_for(found), until);
    examine_redis(connection,
                  {files.directives.value_or(expected.directives), expected.streams,
                   files.has_acl ? value_of(content_of(found.object("Secret")), acl_key) : Secret()},
                  report);
  } catch (const Error& error) {
    report.data()["redis"] = {{"pong", false}};
    const bool store_changed = existing && existing->name == names.full && is_refused_password(error);
    report.add({"redis", false, error.message(),
                store_changed ? "the store has changed the password; to take it over: " +
                                    report.scope().command("credentials sync")
                              : error.hint()});
  }
  return report;
}

std::string report_title(const Kubectl& kubectl, const FoundRelease& found) {
  return fmt::format("{} ({}, namespace {})", found.release(), kubectl.cluster().context, found.name_space());
}

CommandResult status_redis_kubernetes(Context& context, const RedisSettings& settings) {
  const RedisNames names(settings.release, settings.name_space);
  ClusterSession session = choose_cluster(context, settings.name_space, NeedsHelm::no);
  const Kubectl& kubectl = session.kubectl;
  KubernetesRedis redis(context, kubectl, names);
  redis.prepare();  // comes up beside the questions
  const FoundRelease found = look_at_release(context, kubectl, settings.release, settings.services);
  const int unfinished = mention_unfinished(context);
  if (!found.installed()) {
    throw_not_installed(context, fmt::format("release {} in namespace {} of {}", settings.release, settings.name_space,
                                             kubectl.cluster().context));
  }
  const Spec expected = expected_spec(found, settings);
  refuse_other_preset(context, expected.preset);
  HealthReport report =
      examine_release(kubectl, found, expected, redis, unfinished, question_deadline(context), context.scope());
  return render_report(context, report_title(kubectl, found), report);
}

}  // namespace raibid
