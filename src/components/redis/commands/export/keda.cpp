#include "components/redis/commands/export/keda.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/export/manifests.hpp"
#include "components/redis/commands/export/tls_files.hpp"
#include "config/yaml.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;
using Metadata = std::vector<std::pair<std::string, std::string>>;

constexpr int most_jobs = 10;
constexpr int polling_seconds = 10;
constexpr int kept_jobs = 10;
constexpr int worker_user = 1000;
constexpr const char* many = "1000000";
constexpr const char* api = "keda.sh/v1alpha1";

ordered_json metadata(const std::string& name, const Handover& handover, const std::string& preset) {
  return {{"name", name}, {"namespace", handover.name_space}, {"labels", {{"app.kubernetes.io/part-of", preset}}}};
}

std::string authentication_name(const Handover& handover) { return handover.name + "-keda"; }

ordered_json authentication(const Handover& handover, const std::string& preset, const KedaInput& input) {
  ordered_json secrets = ordered_json::array(), maps = ordered_json::array();
  const auto parameter = [](const char* name, const std::string& object, const std::string& key) {
    return ordered_json{{"parameter", name}, {"name", object}, {"key", key}};
  };
  if (!input.secret_name.empty()) secrets.push_back(parameter("password", input.secret_name, input.secret_key));
  if (!input.client_secret.empty()) {
    secrets.push_back(parameter("cert", input.client_secret, "tls.crt"));
    secrets.push_back(parameter("key", input.client_secret, "tls.key"));
  }
  if (!input.ca_configmap.empty()) maps.push_back(parameter("ca", input.ca_configmap, ca_file_name));
  ordered_json spec = ordered_json::object();
  if (!secrets.empty()) spec["secretTargetRef"] = secrets;
  if (!maps.empty()) spec["configMapTargetRef"] = maps;
  return {{"apiVersion", api},
          {"kind", "TriggerAuthentication"},
          {"metadata", metadata(authentication_name(handover), handover, preset)},
          {"spec", spec}};
}

bool needs_authentication(const KedaInput& input) {
  return !input.secret_name.empty() || !input.client_secret.empty() || !input.ca_configmap.empty();
}

/// What the Pod Security standard "restricted" asks of a pod
/// (kubernetes.io/docs/concepts/security/pod-security-standards).
ordered_json worker(const Handover& handover, const KedaInput& input) {
  const bool secrets =
      std::any_of(handover.variables.begin(), handover.variables.end(), [](const Variable& v) { return v.secret; });
  ordered_json from = ordered_json::array({{{"configMapRef", {{"name", handover.name}}}}});
  if (secrets) from.push_back({{"secretRef", {{"name", handover.name}}}});
  const ordered_json pod_security = {
      {"runAsNonRoot", true}, {"runAsUser", worker_user}, {"seccompProfile", {{"type", "RuntimeDefault"}}}};
  const ordered_json security = {{"allowPrivilegeEscalation", false}, {"capabilities", {{"drop", {"ALL"}}}}};
  ordered_json container = {
      {"name", "worker"}, {"image", input.image}, {"envFrom", from}, {"securityContext", security}};
  ordered_json pod = {
      {"restartPolicy", "Never"}, {"automountServiceAccountToken", false}, {"securityContext", pod_security}};
  if (!input.ca_configmap.empty()) {
    container["env"] = ordered_json::array();
    for (const Variable& variable : trust_variables(fmt::format("{}/{}", mounted_ca_folder, ca_file_name)))
      container["env"].push_back({{"name", variable.name}, {"value", variable.value.reveal()}});
    container["volumeMounts"] =
        ordered_json::array({{{"name", "redis-ca"}, {"mountPath", mounted_ca_folder}, {"readOnly", true}}});
    pod["volumes"] = ordered_json::array({{{"name", "redis-ca"}, {"configMap", {{"name", input.ca_configmap}}}}});
  }
  pod["containers"] = ordered_json::array({container});
  // a Job that failed is not tried again by Kubernetes: what it left makes KEDA start another
  return {{"backoffLimit", 0}, {"template", {{"spec", pod}}}};
}

/// KEDA starts as many Jobs as the triggers say together, less those that run ("default"). That is right where a job
/// stays visible while a worker has it: waiting and taken ones together are the work to be done. What is popped from a
/// list of the user's is not visible any more, hence "accurate" there.
ordered_json scaled_job(const Handover& handover, const std::string& preset, const KedaInput& input) {
  const ordered_json strategy = {{"strategy", input.lists_of_the_user ? "accurate" : "default"},
                                 {"multipleScalersCalculation", "sum"}};
  return {{"apiVersion", api},
          {"kind", "ScaledJob"},
          {"metadata", metadata(keda_job_name(preset), handover, preset)},
          {"spec",
           {{"jobTargetRef", worker(handover, input)},
            {"pollingInterval", polling_seconds},
            {"maxReplicaCount", most_jobs},
            {"successfulJobsHistoryLimit", kept_jobs},
            {"failedJobsHistoryLimit", kept_jobs},
            {"scalingStrategy", strategy}}}};
}

struct Trigger {
  const char* type;
  Metadata metadata;
};

/// The database, and a user with a name (keda.sh/docs: `username` of both scalers); the password is a Secret's.
void add_login(Metadata& rows, const KedaInput& input) {
  rows.emplace_back("databaseIndex", std::to_string(input.database));
  if (input.tls) rows.emplace_back("enableTLS", "true");
  if (!input.username.empty()) rows.emplace_back("username", input.username);
}

/// Entries that nobody was given yet, and those that someone has not acknowledged: a dead worker's as well. KEDA's
/// scaler looks at one of the two, so there is a trigger for each.
std::vector<Trigger> stream_triggers(const Queue& queue, const KedaInput& input) {
  const auto with = [&](Metadata counts) {
    Metadata rows = {{"address", input.address}, {"stream", queue.stream}, {"consumerGroup", queue.group}};
    rows.insert(rows.end(), counts.begin(), counts.end());
    add_login(rows, input);
    return Trigger{"redis-streams", rows};
  };
  return {with({{"lagCount", "1"}, {"activationLagCount", "0"}}), with({{"pendingEntriesCount", "1"}})};
}

/// KEDA takes the length of a sorted set, too. A due time is not looked at, so that what is due is never missed.
Trigger list_trigger(const Queue& queue, const KedaInput& input) {
  Metadata rows = {{"address", input.address},
                   {"listName", queue.list},
                   {"listLength", queue.later ? many : "1"},
                   {"activationListLength", "0"}};
  add_login(rows, input);
  return {"redis", rows};
}

/// One Job every ten minutes, whatever the others say: after an XDEL of a waiting entry Redis does not know the group's
/// lag, and KEDA sees nothing that waits.
Trigger round_trigger() {
  return {"cron",
          {{"timezone", "Etc/UTC"}, {"start", "*/10 * * * *"}, {"end", "1-59/10 * * * *"}, {"desiredReplicas", "1"}}};
}

std::vector<Trigger> triggers(const KedaInput& input) {
  std::vector<Trigger> all;
  bool streams = false;
  for (const Queue& queue : input.queues) {
    if (!queue.list.empty()) {
      all.push_back(list_trigger(queue, input));
      continue;
    }
    streams = true;
    for (const Trigger& trigger : stream_triggers(queue, input)) all.push_back(trigger);
  }
  if (streams) all.push_back(round_trigger());
  return all;
}

/// By hand: KEDA refuses a number or a boolean here, so every value shows its quotes. JSON strings are YAML.
std::string trigger_text(const Trigger& trigger, const Handover& handover, const KedaInput& input) {
  std::string text = fmt::format("    - type: {}\n      metadata:\n", trigger.type);
  for (const auto& [key, value] : trigger.metadata)
    text += fmt::format("        {}: {}\n", key, json_text(nlohmann::json(value)));
  if (needs_authentication(input) && trigger.type != std::string_view("cron"))
    text += fmt::format("      authenticationRef:\n        name: {}\n", authentication_name(handover));
  return text;
}

}  // namespace

std::string keda_job_name(const std::string& preset) { return preset + "-worker"; }

std::vector<Queue> queues_of(const RedisSettings& settings) {
  std::vector<Queue> queues;
  for (const StreamSpec& stream : settings.streams) {
    for (const std::string& group : stream.groups) queues.push_back({stream.name, group, "", false});
  }
  if (!queues.empty()) return queues;
  for (const std::string& name : settings.asynq_queues) {
    const auto key = [&](const char* state) { return fmt::format("asynq:{{{}}}:{}", name, state); };
    for (const char* state : {"pending", "active"}) queues.push_back({"", "", key(state), false});
    for (const char* state : {"retry", "scheduled"}) queues.push_back({"", "", key(state), true});
  }
  return queues;
}

std::string keda_manifests(const Handover& handover, const std::string& preset, const KedaInput& input) {
  std::string text;
  if (needs_authentication(input)) text += to_yaml(authentication(handover, preset, input)) + "---\n";
  text += to_yaml(scaled_job(handover, preset, input)) + "  triggers:\n";
  for (const Trigger& trigger : triggers(input)) text += trigger_text(trigger, handover, input);
  return text;
}

}  // namespace raibid
