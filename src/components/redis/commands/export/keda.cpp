#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/export/manifests.hpp"
#include "config/yaml.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;
using Metadata = std::vector<std::pair<std::string, std::string>>;

constexpr int most_jobs = 10;
constexpr int polling_seconds = 10;
constexpr const char* api = "keda.sh/v1alpha1";
constexpr const char* asynq_operation = "asynq-queue";
constexpr const char* usual_asynq_queues = "default";

ordered_json metadata(const std::string& name, const Handover& handover, const std::string& preset) {
  return {{"name", name}, {"namespace", handover.name_space}, {"labels", {{"app.kubernetes.io/part-of", preset}}}};
}

std::string authentication_name(const Handover& handover) { return handover.name + "-keda"; }

ordered_json authentication(const Handover& handover, const std::string& preset, const KedaInput& input) {
  const ordered_json target = {{"parameter", "password"}, {"name", input.secret_name}, {"key", input.secret_key}};
  return {{"apiVersion", api},
          {"kind", "TriggerAuthentication"},
          {"metadata", metadata(authentication_name(handover), handover, preset)},
          {"spec", {{"secretTargetRef", ordered_json::array({target})}}}};
}

ordered_json worker(const Handover& handover, const std::string& image) {
  const bool secrets =
      std::any_of(handover.variables.begin(), handover.variables.end(), [](const Variable& v) { return v.secret; });
  ordered_json from = ordered_json::array({{{"configMapRef", {{"name", handover.name}}}}});
  if (secrets) from.push_back({{"secretRef", {{"name", handover.name}}}});
  const ordered_json container = {{"name", "worker"}, {"image", image}, {"envFrom", from}};
  return {{"template", {{"spec", {{"restartPolicy", "Never"}, {"containers", ordered_json::array({container})}}}}}};
}

// One Job for each waiting entry: what a Job has taken is no longer in the lag or the list, hence "accurate".
ordered_json scaled_job(const Handover& handover, const std::string& preset, const KedaInput& input) {
  ordered_json strategy = {{"strategy", "accurate"}};
  if (input.queues.size() > 1) strategy["multipleScalersCalculation"] = "sum";
  return {{"apiVersion", api},
          {"kind", "ScaledJob"},
          {"metadata", metadata(preset + "-worker", handover, preset)},
          {"spec",
           {{"jobTargetRef", worker(handover, input.image)},
            {"pollingInterval", polling_seconds},
            {"maxReplicaCount", most_jobs},
            {"scalingStrategy", strategy}}}};
}

Metadata trigger_metadata(const Queue& queue, const std::string& address) {
  Metadata rows = {{"address", address}};
  if (!queue.list.empty()) {
    rows.insert(rows.end(), {{"listName", queue.list}, {"listLength", "1"}, {"activationListLength", "0"}});
  } else {
    rows.insert(
        rows.end(),
        {{"stream", queue.stream}, {"consumerGroup", queue.group}, {"lagCount", "1"}, {"activationLagCount", "0"}});
  }
  rows.emplace_back("databaseIndex", "0");
  return rows;
}

/// By hand: KEDA refuses a number or a boolean here, so every value shows its quotes. JSON strings are YAML.
std::string trigger(const Queue& queue, const Handover& handover, const KedaInput& input) {
  std::string text = fmt::format("    - type: {}\n      metadata:\n", queue.list.empty() ? "redis-streams" : "redis");
  for (const auto& [key, value] : trigger_metadata(queue, input.address)) {
    text += fmt::format("        {}: {}\n", key, json_text(nlohmann::json(value)));
  }
  if (!input.secret_name.empty())
    text += fmt::format("      authenticationRef:\n        name: {}\n", authentication_name(handover));
  return text;
}

}  // namespace

std::vector<Queue> queues_of(const Preset& preset, const RedisSettings& settings) {
  std::vector<Queue> queues;
  for (const StreamSpec& stream : settings.streams) {
    for (const std::string& group : stream.groups) queues.push_back({stream.name, group, ""});
  }
  if (!queues.empty()) return queues;
  for (const SmokeOperation& operation : preset.smoke) {
    if (operation.name != asynq_operation) continue;
    const auto given = operation.parameters.find("queues");
    const std::string names = given == operation.parameters.end() ? usual_asynq_queues : given->second;
    for (const std::string& name : split(names, ',')) {
      queues.push_back(
          {"", "", fmt::format("asynq:{{{}}}:pending", trim(name.substr(0, name.find('='))))});  // critical=6
    }
  }
  return queues;
}

std::string keda_manifests(const Handover& handover, const std::string& preset, const KedaInput& input) {
  std::string text;
  if (!input.secret_name.empty()) text += to_yaml(authentication(handover, preset, input)) + "---\n";
  text += to_yaml(scaled_job(handover, preset, input)) + "  triggers:\n";
  for (const Queue& queue : input.queues) text += trigger(queue, handover, input);
  return text;
}

}  // namespace raibid
