#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/access.hpp"
#include "components/redis/credentials.hpp"
#include "components/redis/health.hpp"
#include "components/redis/observed.hpp"
#include "components/redis/status.hpp"
#include "components/redis/values.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// What status reads of the cluster: the objects by kind, and Helm's newest record.
struct Found {
  std::map<std::string, json> objects;
  json release;

  const json* object(const std::string& kind) const {
    const auto found = objects.find(kind);
    return found == objects.end() ? nullptr : &found->second;
  }
};

Found look(Context& context, const Kubectl& kubectl, const RedisNames& names, const RedisSettings& settings) {
  const std::vector<Command> questions = {
      kubectl.get({"secret/" + names.full, "statefulset/" + names.workload, "pod/" + names.pod, "persistentvolumeclaim/" + names.claim}),
      kubectl.release_records(settings.release),
  };
  const std::vector<Output> answers = run_all(context.runner, questions, question_deadline(context));
  Found found;
  try {
    for (const json& item : Kubectl::parse_items(questions[0], answers[0])) found.objects.emplace(item.value("kind", ""), item);
    for (const json& record : Kubectl::parse_release_records(questions[1], answers[1])) {
      const auto revision = [](const json& labels) { return std::stoi(labels.value("version", "0")); };
      if (found.release.is_null() || revision(record) > revision(found.release)) found.release = record;
    }
  } catch (Error& error) {
    throw error.with_code(ExitCode::preflight);
  }
  return found;
}

void examine_release(const json& release, const std::string& name, HealthReport& report) {
  const std::string status = release.is_null() ? "missing" : release.value("status", "");
  const std::string revision = release.is_null() ? "0" : release.value("version", "0");
  report.data()["release"] = {{"name", name}, {"revision", std::stoi(revision)}, {"status", status}};
  report.add({"release", status == "deployed", fmt::format("{}, revision {}, {}", name, revision, status), "raibid-cli setup redis repairs it"});
}

void examine_workload(const json* workload, HealthReport& report) {
  const int wanted = workload ? workload->value("/spec/replicas"_json_pointer, 0) : 0;
  const int ready = workload ? workload->value("/status/readyReplicas"_json_pointer, 0) : 0;
  report.data()["workload"] = {{"replicas", wanted}, {"ready_replicas", ready}};
  report.add({"workload", workload && wanted > 0 && ready == wanted, workload ? fmt::format("{} of {} ready", ready, wanted) : "missing",
              workload && wanted == 0 ? "it is scaled to zero: kubectl scale --replicas=1 brings it back" : "raibid-cli setup redis repairs it"});
}


void examine_pod(const json* pod, const std::string& name, const Kubectl& kubectl, HealthReport& report) {
  if (!pod) {
    report.data()["pod"] = nullptr;
    report.add({"pod", false, name + " does not exist", kubectl.for_people({"describe", "statefulset"})});
    return;
  }
  const std::string phase = pod->value("/status/phase"_json_pointer, "");
  int restarts = 0;
  bool ready = !pod->contains("/metadata/deletionTimestamp"_json_pointer);
  ordered_json last = nullptr;
  for (const json& container : pod->value("/status/containerStatuses"_json_pointer, json::array())) {
    restarts += container.value("restartCount", 0);
    ready = ready && container.value("ready", false);
    const json ended = container.value("/lastState/terminated"_json_pointer, json());
    if (ended.is_object()) {
      last = {{"container", container.value("name", "")}, {"reason", ended.value("reason", "")},
              {"exit_code", ended.value("exitCode", 0)}, {"finished_at", ended.value("finishedAt", "")}};
    }
  }
  report.data()["pod"] = {{"name", name}, {"phase", phase}, {"ready", ready}, {"restarts", restarts}, {"last_termination", last}};
  std::string text = fmt::format("{} {}, {} restarts", name, ready ? "Ready" : phase + ", not Ready", restarts);
  if (last.is_object()) {
    text += fmt::format(" (last: {} of {}, exit code {}, {})", last["reason"].get<std::string>(), last["container"].get<std::string>(),
                        last["exit_code"].get<int>(), last["finished_at"].get<std::string>());
  }
  report.add({"pod", ready && phase == "Running", text, kubectl.for_people({"describe", "pod", name})});
}

bool keeps_data(const json* workload) { return workload && workload->contains("/spec/volumeClaimTemplates/0"_json_pointer); }

void examine_claim(const json* claim, const std::string& name, bool wanted, const Kubectl& kubectl, HealthReport& report) {
  if (!claim) {
    report.data()["claim"] = nullptr;
    if (wanted) report.add({"claim", false, name + " does not exist: the data would not survive a restart", "raibid-cli setup redis repairs it"});
    return;
  }
  const std::string phase = claim->value("/status/phase"_json_pointer, "");
  const std::string size = claim->value("/status/capacity/storage"_json_pointer, claim->value("/spec/resources/requests/storage"_json_pointer, ""));
  const std::string storage_class = claim->value("/spec/storageClassName"_json_pointer, "");
  report.data()["claim"] = {{"name", name}, {"phase", phase}, {"capacity", size}, {"storage_class", storage_class}};
  report.add({"claim", phase == "Bound", fmt::format("{} {}, {}, {}", name, phase, size, storage_class), kubectl.for_people({"describe", "pvc", name})});
}

Secret password_of(const json* secret) {
  const std::string encoded = secret ? secret->value("/data/redis-password"_json_pointer, "") : "";
  return Secret(base64_decode(encoded));
}

// An installation by hand or by an older version carries no record: then the settings of this run say what is expected.
Expectation expectation(const json* workload, const RedisSettings& settings) {
  const json annotations = workload ? workload->value("/metadata/annotations"_json_pointer, json::object()) : json::object();
  const std::string text = annotations.value(spec_annotation, "");
  if (text.empty()) return {settings.directives, settings.streams};
  const Spec spec = parse_spec(text);
  return {spec.directives, spec.streams};
}

}  // namespace

CommandResult status_redis_kubernetes(Context& context, const RedisSettings& settings) {
  const RedisNames names(settings.release, settings.name_space);
  ClusterSession session = choose_cluster(context, settings.name_space, NeedsHelm::no);
  const Kubectl& kubectl = session.kubectl;
  KubernetesRedis redis(context, kubectl, names);
  redis.prepare();  // comes up beside the questions
  const Found found = look(context, kubectl, names, settings);
  const int unfinished = mention_unfinished(context);
  if (found.release.is_null() && !found.object("StatefulSet")) {
    throw_not_installed(fmt::format("release {} in namespace {} of {}", settings.release, settings.name_space, kubectl.cluster().context));
  }

  HealthReport report;
  report.data() = {{"target", "kubernetes"}, {"context", kubectl.cluster().context}, {"server", kubectl.cluster().server},
                   {"namespace", settings.name_space}, {"unfinished_runs", unfinished}};
  if (unfinished > 0) report.add({"journal", false, fmt::format("{} killed run(s) not undone", unfinished), "raibid-cli setup redis, or teardown redis, undoes them"});
  examine_release(found.release, settings.release, report);
  examine_workload(found.object("StatefulSet"), report);
  examine_pod(found.object("Pod"), names.pod, kubectl, report);
  examine_claim(found.object("PersistentVolumeClaim"), names.claim, keeps_data(found.object("StatefulSet")), kubectl, report);
  try {
    RedisConnection& connection = redis.connection(password_of(found.object("Secret")), question_deadline(context));
    examine_redis(connection, expectation(found.object("StatefulSet"), settings), report);
  } catch (const Error& error) {
    if (error.signal() != 0) throw;
    report.data()["redis"] = {{"pong", false}};
    report.add({"redis", false, error.message(), error.hint()});
  }
  return render_report(context, fmt::format("{} ({}, namespace {})", settings.release, kubectl.cluster().context, settings.name_space), report);
}

}  // namespace raibid
