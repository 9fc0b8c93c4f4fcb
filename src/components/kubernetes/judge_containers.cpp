#include "components/kubernetes/judge_containers.hpp"

#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/judges.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string.h>

#include <algorithm>
#include <array>

namespace raibid {

namespace {

using nlohmann::json;

constexpr int first_signal_code = 128;
constexpr int killed = 137;

const json& container_spec(const json& pod, const std::string& name) {
  static const json nothing;
  for (const std::string_view kind : {"containers", "initContainers"}) {
    for (const json& container : items_at(pod, {"spec", kind})) {
      if (text_at(container, {"name"}) == name) return container;
    }
  }
  return nothing;
}

/// How the container ended last: what it is in now, or was in before.
const json& last_end(const json& status) {
  const json& now = at(status, {"state", "terminated"});
  return now.is_object() ? now : at(status, {"lastState", "terminated"});
}

std::string exit_text(std::int64_t code) {
  const char* signal =
      code > first_signal_code && code < 192 ? sigabbrev_np(static_cast<int>(code) - first_signal_code) : nullptr;
  return signal == nullptr ? fmt::format("exit code {}", code) : fmt::format("exit code {} (SIG{})", code, signal);
}

/// Ends of the container, this one included. What lies before the rollout counts only while it is down: a Redis that
/// was restarted last month and now loads its data is not failing.
int ends_so_far(const Observation& seen, const json& status) {
  const int restarts = static_cast<int>(number_at(status, {"restartCount"}));
  if (!at(status, {"state"}).contains("running")) return restarts + 1;
  const auto earlier = seen.earlier_restarts.find(text_at(status, {"name"}));
  return restarts - (earlier == seen.earlier_restarts.end() ? 0 : earlier->second);
}

Judgement judge_oom(const Observation& seen, const std::string& name, std::int64_t code) {
  const std::string limit = text_at(container_spec(*seen.pod, name), {"resources", "limits", "memory"});
  return judgement(
      "oom-killed",
      fmt::format("container {} of pod {} needs more memory than its limit{} and was killed (OOMKilled, exit code {})",
                  name, pod_name(seen), limit.empty() ? "" : " of " + limit, code),
      "raise --memory-limit; its log before that: " + seen.command({"logs", pod_name(seen), "-c", name, "--previous"}));
}

Judgement judge_end(const Observation& seen, const std::string& name, const json& end) {
  const std::int64_t code = number_at(end, {"exitCode"});
  if (text_at(end, {"reason"}) == "OOMKilled") return judge_oom(seen, name, code);
  std::string text = fmt::format("container {} of pod {} ends with {}", name, pod_name(seen), exit_text(code));
  const SeenEvent* killing = last_pod_event(seen, {"Killing"}, name);
  if (killing != nullptr && contains(killing->message, " probe, will be restarted")) {
    text += fmt::format(" because its {} failed", between(killing->message, " failed ", ", will be restarted"));
    const std::string answer = probe_answer(seen, "Liveness", name).value_or("");
    if (!answer.empty()) text += ": " + answer;
  } else if (code == killed) {
    text += ", killed from outside: often the node is short of memory";
  }
  if (const std::string message = text_at(end, {"message"}); !message.empty()) text += ": " + message;
  return judgement("crash", text,
                   "fix what it reports (--image, --set, -f); its whole log: " +
                       seen.command({"logs", pod_name(seen), "-c", name, "--previous"}));
}

bool never_started(const json& end) {
  return is_one_of(text_at(end, {"reason"}), {"StartError", "ContainerCannotRun", "RunContainerError"});
}

/// The last part of a chain of causes: what runc itself said.
std::string_view root_cause(std::string_view message) {
  const std::string_view runc = behind(message, "unable to start container process: ");
  if (!runc.empty()) message = runc;
  return message.ends_with(": unknown") ? message.substr(0, message.size() - 9) : message;
}

int failed_starts(const Observation& seen, const std::string& container) {
  int count = 0;
  for (const SeenEvent& event : seen.events) {
    if (event.kind != "Pod" || event.uid != text_at(*seen.pod, {"metadata", "uid"}) || event.container != container)
      continue;
    if (event.reason == "Failed" && event.message.starts_with("Error: failed to ")) count += event.count;
  }
  return count;
}

Judgement judge_failed_start(const Observation& seen, const json& status, const std::string& message) {
  const std::string name = text_at(status, {"name"});
  Judgement result =
      judgement("container-start",
                fmt::format("container {} of pod {} cannot be started from image {}: {}", name, pod_name(seen),
                            text_at(container_spec(*seen.pod, name), {"image"}), root_cause(message)),
                "choose an image with the program that the chart starts (--image), or see: " +
                    seen.command({"describe", "pod", pod_name(seen)}));
  result.failures = std::max(failed_starts(seen, name), ends_so_far(seen, status));
  return result;
}

Judgement judge_config(const Observation& seen, const std::string& name, const std::string& message) {
  if (const std::string secret = between(message, "secret \"", "\" not found"); !secret.empty()) {
    return judgement(
        "missing-secret",
        fmt::format("container {} of pod {} needs Secret {}, which does not exist", name, pod_name(seen), secret),
        "make it, or correct the values that name it (--set, -f): " + seen.command({"get", "secrets"}));
  }
  if (const std::string map = between(message, "configmap \"", "\" not found"); !map.empty()) {
    return judgement(
        "missing-configmap",
        fmt::format("container {} of pod {} needs ConfigMap {}, which does not exist", name, pod_name(seen), map),
        "make it, or correct the values that name it (--set, -f): " + seen.command({"get", "configmaps"}));
  }
  return judgement("container-config",
                   fmt::format("the configuration of container {} of pod {} cannot be used: {}", name, pod_name(seen),
                               message.substr(0, message.find(" (pod: \""))),
                   "correct the values that lead to it (--image, --set, -f), and see: " +
                       seen.command({"describe", "pod", pod_name(seen)}));
}

bool mount_event_stands(const Observation& seen, const SeenEvent& failed) {
  if (failed.fresh < 1) return false;
  // what comes after a mount that worked
  return last_pod_event(seen, {"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "Pulling", "Pulled",
                               "Created", "Started"}) == &failed;
}

/// The Secret or ConfigMap that a volume shows.
std::string source_of(const json& pod, const std::string& volume, bool secret) {
  for (const json& each : items_at(pod, {"spec", "volumes"})) {
    if (text_at(each, {"name"}) != volume) continue;
    return secret ? text_at(each, {"secret", "secretName"}) : text_at(each, {"configMap", "name"});
  }
  return {};
}

Judgement judge_mount(const Observation& seen, const SeenEvent& event) {
  const std::string pod = pod_name(seen);
  const std::string volume = between(event.message, "volume \"", "\"");
  if (const std::string secret = between(event.message, ": secret \"", "\" not found"); !secret.empty()) {
    return judgement("missing-secret",
                     fmt::format("volume {} of pod {} needs Secret {}, which does not exist", volume, pod, secret),
                     "make it, or correct the values that name it (--set, -f): " + seen.command({"get", "secrets"}));
  }
  if (const std::string map = between(event.message, ": configmap \"", "\" not found"); !map.empty()) {
    return judgement("missing-configmap",
                     fmt::format("volume {} of pod {} needs ConfigMap {}, which does not exist", volume, pod, map),
                     "make it, or correct the values that name it (--set, -f): " + seen.command({"get", "configmaps"}));
  }
  for (const std::string_view kind : {"secret", "configmap", "config map"}) {
    const std::string_view key = behind(event.message, fmt::format("references non-existent {} key: ", kind));
    if (key.empty()) continue;
    const bool secret = kind == "secret";
    const std::string name = source_of(*seen.pod, volume, secret);
    return judgement(secret ? "missing-secret" : "missing-configmap",
                     fmt::format("volume {} of pod {} needs key {}, which {} {} does not have", volume, pod, key,
                                 secret ? "Secret" : "ConfigMap", name),
                     "add the key, or correct the values that name it (--set, -f): " +
                         seen.command({"describe", secret ? "secret" : "configmap", name}));
  }
  Judgement result = judgement("mount", fmt::format("a volume of pod {} cannot be mounted: {}", pod, event.message),
                               "see the pod and its claim: " + seen.command({"describe", "pod,persistentvolumeclaim"}));
  result.subject = volume;
  return result;
}

}  // namespace

std::optional<Judgement> judge_mounts(const Observation& seen) {
  const SeenEvent* event = last_pod_event(seen, {"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"});
  if (event == nullptr || !mount_event_stands(seen, *event)) return std::nullopt;
  if (event->reason != "FailedCreatePodSandBox") return judge_mount(seen, *event);
  const std::string node = text_at(*seen.pod, {"spec", "nodeName"});
  Judgement result = judgement(
      "sandbox", fmt::format("node {} cannot set up pod {}: {}", node, pod_name(seen), event->message),
      "see the node's network plugin (CNI) and container runtime: " + seen.command({"describe", "node", node}));
  result.subject = node;  // the message has the sandbox' id in it
  return result;
}

std::optional<Judgement> judge_container(const Observation& seen, const json& status) {
  const std::string name = text_at(status, {"name"});
  const std::string waiting = waiting_reason(status);
  const std::string message = text_at(status, {"state", "waiting", "message"});
  if (waiting == "CreateContainerConfigError") return judge_config(seen, name, message);
  if (is_one_of(waiting, {"CreateContainerError", "RunContainerError", "PostStartHookError", "PreCreateHookError",
                          "PreStartHookError"})) {
    return judge_failed_start(seen, status, message);
  }
  const json& end = last_end(status);
  if (!end.is_object()) return std::nullopt;
  const int ends = ends_so_far(seen, status);
  const bool down = at(status, {"state"}).contains("terminated") || waiting == "CrashLoopBackOff";
  const bool up_again = at(status, {"state"}).contains("running") && !flag_at(status, {"ready"});
  if (!down && !(up_again && ends >= find_reason("crash").grace.repetitions)) return std::nullopt;
  if (never_started(end)) return judge_failed_start(seen, status, text_at(end, {"message"}));
  Judgement result = judge_end(seen, name, end);
  result.failures = ends;
  result.container = name;
  result.subject = result.text;
  result.text += fmt::format(", {} so far", times(ends));
  return result;
}

}  // namespace raibid
