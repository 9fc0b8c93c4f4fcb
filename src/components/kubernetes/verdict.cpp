#include "components/kubernetes/verdict.hpp"

#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/judge_containers.hpp"
#include "components/kubernetes/judge_creation.hpp"
#include "components/kubernetes/judge_image.hpp"
#include "components/kubernetes/judge_placement.hpp"
#include "components/kubernetes/judges.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace raibid {

namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr Grace at_once{Grace::Kind::none, 0, Duration(0)};
constexpr Grace second_failure{Grace::Kind::repetitions, 2, Duration(0)};
constexpr Grace half_a_minute{Grace::Kind::unchanged, 0, seconds(30)};
constexpr Grace till_deadline{Grace::Kind::deadline, 0, Duration(0)};

constexpr std::array table = {
    Reason{"ready", till_deadline, true, "the pod is Ready"},
    // on its way
    Reason{"change", till_deadline, true, "the StatefulSet's change has not arrived yet"},
    Reason{"no-pod", till_deadline, true, "the StatefulSet has not made its pod yet"},
    Reason{"pod-ending", till_deadline, true, "the previous pod is still ending"},
    Reason{"scheduling", till_deadline, true, "the scheduler has not looked at the pod yet"},
    Reason{"scheduling-gate", till_deadline, true, "a scheduling gate holds the pod"},
    Reason{"node-joins", till_deadline, true, "a node is being added"},
    Reason{"provisioning", till_deadline, true, "a provisioner is making the volume"},
    Reason{"pod-bound", till_deadline, true, "the node has not taken the pod yet"},
    Reason{"container-creating", till_deadline, true, "the node is creating the pod"},
    Reason{"image-pulling", till_deadline, true, "the node pulls an image"},
    Reason{"not-ready", till_deadline, true, "the containers run and the pod is not Ready"},
    // cannot heal
    Reason{"quota", at_once, false, "a ResourceQuota has no room, or wants what the pod does not say"},
    Reason{"limit-range", at_once, false, "a LimitRange allows less, or more"},
    Reason{"pod-security", at_once, false, "the namespace's Pod Security level forbids the pod"},
    Reason{"scaled-to-zero", at_once, false, "the StatefulSet has zero replicas"},
    Reason{"admission", at_once, false, "admission refuses the pod: a policy, a webhook, a class that does not exist"},
    Reason{"invalid-pod", at_once, false, "the API refuses the pod as invalid"},
    Reason{"storage-class", at_once, false, "there is no such StorageClass, or none is set"},
    Reason{"claim-lost", at_once, false, "the claim's volume is gone"},
    Reason{"invalid-image-name", at_once, false, "invalid image name"},
    Reason{"image-never", at_once, false, "the image is not on the node and may not be pulled"},
    Reason{"container-config", at_once, false, "the container's configuration cannot be used"},
    Reason{"missing-secret", at_once, false, "a Secret, or a key of it, is not there"},
    Reason{"missing-configmap", at_once, false, "a ConfigMap, or a key of it, is not there"},
    // once may be an accident
    Reason{"image-not-found", second_failure, false, "the registry has no such image"},
    Reason{"image-login", second_failure, false, "the registry requires a login, or has no such repository"},
    Reason{"image-rate-limit", second_failure, true, "the registry refuses more pulls from this address for now"},
    Reason{"image-platform", second_failure, false, "the image has no build for the node's architecture"},
    Reason{"registry-unreachable", second_failure, true, "the node cannot reach the registry"},
    Reason{"image-pull", second_failure, true, "the image cannot be pulled for another reason"},
    Reason{"container-start", second_failure, false, "the container cannot be created or started"},
    Reason{"crash", second_failure, false, "a container ends by itself, or by its liveness probe"},
    Reason{"oom-killed", second_failure, false, "a container needs more memory than its limit"},
    Reason{"pod-failed", second_failure, true, "the pod was evicted, or refused by the kubelet"},
    // may heal, and mostly does within seconds
    Reason{"quota-replacement", half_a_minute, true, "a ResourceQuota still counts the pod that just ended"},
    Reason{"service-account", half_a_minute, true, "the ServiceAccount is not there"},
    Reason{"webhook", half_a_minute, true, "an admission webhook does not answer"},
    Reason{"pod-creation", half_a_minute, true, "the controller cannot make the pod for another reason"},
    Reason{"workload-gone", half_a_minute, false, "the StatefulSet is not there any more, or is being deleted"},
    Reason{"old-pod", half_a_minute, false, "the controller does not replace a pod of the previous revision"},
    Reason{"unschedulable", half_a_minute, true, "no node takes the pod: resources, selector, taints, volumes"},
    Reason{"provisioner", half_a_minute, true, "nobody makes the volume: the provisioner does not answer"},
    Reason{"provisioning-failed", half_a_minute, true, "the provisioner cannot make the volume"},
    Reason{"node-not-ready", half_a_minute, true, "the pod's node, or the only one for it, is not Ready"},
    Reason{"mount", half_a_minute, true, "a volume cannot be attached or mounted"},
    Reason{"sandbox", half_a_minute, true, "the node cannot make the pod's network or sandbox"},
    // longer than the grace of a pod that is deleted (terminationGracePeriodSeconds, 60 s in the embedded chart)
    Reason{"volume-locked", Grace{Grace::Kind::unchanged, 0, seconds(90)}, true, "another server has the data open"},
    Reason{"api-server", Grace{Grace::Kind::unchanged, 0, seconds(60)}, true, "the API server does not answer"},
};

Judgement judge_loss(const Observation& seen) {
  Judgement lost = judgement(
      "pod-failed", fmt::format("pod {} was given up {}: {}", pod_name(seen), times(seen.lost_pods), seen.loss),
      "see what the node says about it: " + seen.command({"describe", "pod", pod_name(seen)}));
  lost.failures = seen.lost_pods;
  return lost;
}

/// What the StatefulSet itself says of why it has no pod.
std::optional<Judgement> judge_workload(const Observation& seen) {
  if (seen.set_is_gone) {
    return judgement("workload-gone", fmt::format("StatefulSet {} is missing: someone removed it", seen.workload),
                     "see what is left: " + seen.command({"get", "statefulsets,pods"}));
  }
  if (seen.set == nullptr) return std::nullopt;
  if (!text_at(*seen.set, {"metadata", "deletionTimestamp"}).empty()) {
    return judgement("workload-gone", fmt::format("StatefulSet {} is being deleted", seen.workload),
                     "see what holds it: " + seen.command({"get", "statefulset", seen.workload, "-o", "yaml"}));
  }
  if (at(*seen.set, {"spec"}).contains("replicas") && number_at(*seen.set, {"spec", "replicas"}) == 0) {
    return judgement("scaled-to-zero", fmt::format("StatefulSet {} is scaled to zero, so it has no pod", seen.workload),
                     "start it again: " + seen.command({"scale", "statefulset", seen.workload, "--replicas=1"}));
  }
  if (number_at(*seen.set, {"status", "observedGeneration"}) < number_at(*seen.set, {"metadata", "generation"})) {
    return judgement("no-pod", fmt::format("no controller has looked at StatefulSet {} yet", seen.workload),
                     "check whether the controller manager runs (k3s: systemctl status k3s), and: " +
                         seen.command({"describe", "statefulset", seen.workload}));
  }
  return std::nullopt;
}

Judgement judge_absence(const Observation& seen) {
  if (seen.change_pending)
    return judgement("change", fmt::format("waiting for the change of StatefulSet {}", seen.workload));
  static const json nobody;
  const json& former = seen.former != nullptr ? *seen.former : nobody;
  const std::string name = text_at(former, {"metadata", "name"});
  if (!text_at(former, {"metadata", "deletionTimestamp"}).empty()) {
    return judgement("pod-ending", fmt::format("waiting for the previous pod {} to end", name),
                     "if it does not end, see its node: " + seen.command({"get", "pod", name, "-o", "wide"}));
  }
  if (auto stopped = judge_workload(seen)) return *stopped;
  if (auto refused = judge_creation(seen)) return *refused;
  if (!name.empty()) {
    return judgement(
        "old-pod", fmt::format("StatefulSet {} does not replace pod {} of the previous revision", seen.workload, name),
        "delete that pod, so that one of the new revision is made: " + seen.command({"delete", "pod", name}));
  }
  return judgement("no-pod", fmt::format("waiting for StatefulSet {} to make its pod", seen.workload),
                   "see what keeps it: " + seen.command({"describe", "statefulset", seen.workload}));
}

/// The container that does not decide, once each has started: see is_ready_without.
std::string_view aside_of(const Observation& seen) {
  return text_at(*seen.pod, {"status", "phase"}) == "Running" ? std::string_view(seen.aside) : std::string_view();
}

/// What the probe said, for a container that runs and is not ready.
std::string probe_words(const Observation& seen, const std::string& container) {
  for (const std::string_view probe : {"Startup", "Readiness"}) {
    const std::optional<std::string> answer = probe_answer(seen, probe, container);
    if (!answer) continue;
    const std::string name = to_lower(probe);
    return answer->empty() ? fmt::format("its {} probe fails without output", name)
                           : fmt::format("its {} probe says \"{}\"", name, *answer);
  }
  return {};
}

Judgement judge_unready(const Observation& seen) {
  const std::string pod = pod_name(seen);
  for (const json& status : items_at(*seen.pod, {"status", "containerStatuses"})) {
    if (flag_at(status, {"ready"}) || !at(status, {"state"}).contains("running")) continue;
    const std::string container = text_at(status, {"name"});
    if (container == aside_of(seen)) continue;
    if (contains(seen.words, lock_is_held)) {
      Judgement held =
          judgement("volume-locked",
                    fmt::format("container {} of pod {} waits: another server still has the data open", container, pod),
                    "a pod that was deleted by force ends later by itself; to see which pods use the claim: " +
                        seen.command({"get", "pods", "--all-namespaces", "-o", "wide"}));
      held.running = container;
      return held;
    }
    std::string text = fmt::format("container {} of pod {} runs and is not ready", container, pod);
    if (const std::string words = probe_words(seen, container); !words.empty()) text += ": " + words;
    if (const std::int64_t restarts = number_at(status, {"restartCount"}); restarts > 0) {
      text += fmt::format(" (restarted {})", times(static_cast<int>(restarts)));
    }
    Judgement unready =
        judgement("not-ready", text, "see what it does: " + seen.command({"logs", pod, "-c", container}));
    unready.running = container;
    return unready;
  }
  return judgement("not-ready", fmt::format("waiting for pod {} to become Ready", pod),
                   "see its conditions: " + seen.command({"describe", "pod", pod}));
}

/// What the node does before containers run.
Judgement judge_start(const Observation& seen) {
  const std::string pod = pod_name(seen);
  const std::string node = text_at(*seen.pod, {"spec", "nodeName"});
  const std::string hint = "see how far it is: " + seen.command({"describe", "pod", pod});
  if (const SeenEvent* pull = last_pod_event(seen, {"Pulling", "Pulled"});
      pull != nullptr && pull->reason == "Pulling") {
    return judgement("image-pulling", fmt::format("node {} pulls image {}", node, between(pull->message, "\"", "\"")),
                     hint);
  }
  for (const json& status : items_at(*seen.pod, {"status", "initContainerStatuses"})) {
    if (!at(status, {"state"}).contains("running")) continue;
    return judgement("container-creating",
                     fmt::format("init container {} of pod {} runs", text_at(status, {"name"}), pod), hint);
  }
  return judgement("container-creating", fmt::format("node {} is creating pod {}", node, pod), hint);
}

bool runs(const json& pod, std::string_view aside) {
  const json& statuses = items_at(pod, {"status", "containerStatuses"});
  return !statuses.empty() && std::all_of(statuses.begin(), statuses.end(), [&](const json& status) {
    return text_at(status, {"name"}) == aside || at(status, {"state"}).contains("running");
  });
}

/// The image of the container that was set aside is chosen by another option.
std::optional<Judgement> with_its_option(const Observation& seen, const json& status,
                                         std::optional<Judgement> trouble) {
  constexpr std::string_view option = "--image";
  if (!trouble || seen.aside.empty() || text_at(status, {"name"}) != seen.aside) return trouble;
  if (const std::size_t found = trouble->hint.find(option); found != std::string::npos)
    trouble->hint.replace(found, option.size(), "--exporter-image");
  return trouble;
}

std::optional<Judgement> judge_containers(const Observation& seen) {
  for (const std::string_view kind : {"initContainerStatuses", "containerStatuses"}) {
    for (const json& status : items_at(*seen.pod, {"status", kind})) {
      const json& end = at(status, {"state", "terminated"});
      if (kind == "initContainerStatuses" && end.is_object() && number_at(end, {"exitCode"}) == 0)
        continue;  // it has done its work
      if (text_at(status, {"name"}) == aside_of(seen)) continue;
      if (auto trouble = judge_image(seen, status)) return with_its_option(seen, status, trouble);
      if (auto trouble = judge_container(seen, status)) return with_its_option(seen, status, trouble);
    }
  }
  return std::nullopt;
}

Judgement judge_pod(const Observation& seen) {
  if (is_ready(*seen.pod) || is_ready_without(*seen.pod, seen.aside))
    return judgement("ready", fmt::format("pod {} is Ready", pod_name(seen)));
  if (text_at(*seen.pod, {"status", "phase"}) == "Failed") return judge_loss(seen);
  // a pod that is given up at once is made again at once: between two losses it looks like one on its way
  if (seen.lost_pods >= find_reason("pod-failed").grace.repetitions && !runs(*seen.pod, aside_of(seen)))
    return judge_loss(seen);
  if (auto trouble = judge_placement(seen)) return *trouble;
  if (auto trouble = judge_containers(seen)) return *trouble;
  if (runs(*seen.pod, aside_of(seen))) return judge_unready(seen);
  if (auto trouble = judge_mounts(seen)) return *trouble;
  return judge_start(seen);
}

}  // namespace

std::span<const Reason> reasons() { return table; }

const Reason& find_reason(std::string_view name) {
  const auto row = std::find_if(table.begin(), table.end(), [&](const Reason& reason) { return reason.name == name; });
  if (row == table.end()) throw std::out_of_range("no reason " + std::string(name));
  return *row;
}

namespace {

bool condition_holds(const json& pod, const std::string& type) {
  const json& conditions = items_at(pod, {"status", "conditions"});
  return std::any_of(conditions.begin(), conditions.end(), [&](const json& condition) {
    return text_at(condition, {"type"}) == type && text_at(condition, {"status"}) == "True";
  });
}

/// Those of the pod's specification; without any it is true.
bool readiness_gates_hold(const json& pod) {
  const json& gates = items_at(pod, {"spec", "readinessGates"});
  return std::all_of(gates.begin(), gates.end(),
                     [&](const json& gate) { return condition_holds(pod, text_at(gate, {"conditionType"})); });
}

}  // namespace

bool is_ready(const json& pod) { return condition_holds(pod, "Ready"); }

bool node_is_silent(const json& pod) {
  return condition_holds(pod, "ContainersReady") && readiness_gates_hold(pod) && !is_ready(pod);
}

bool is_ready_without(const json& pod, std::string_view aside) {
  const bool runs = text_at(pod, {"status", "phase"}) == "Running";
  if (aside.empty() || !runs || !text_at(pod, {"metadata", "deletionTimestamp"}).empty()) return false;
  if (!readiness_gates_hold(pod) || node_is_silent(pod)) return false;
  bool others = false;
  for (const json& status : items_at(pod, {"status", "containerStatuses"})) {
    if (text_at(status, {"name"}) == aside) continue;
    if (!flag_at(status, {"ready"}) || !at(status, {"state"}).contains("running")) return false;
    others = true;
  }
  return others && condition_holds(pod, "Initialized");
}

std::optional<Judgement> judge_aside(const Observation& observation) {
  if (observation.pod == nullptr || is_ready(*observation.pod) ||
      !is_ready_without(*observation.pod, observation.aside))
    return std::nullopt;
  for (const json& status : items_at(*observation.pod, {"status", "containerStatuses"})) {
    if (text_at(status, {"name"}) != observation.aside) continue;
    if (auto trouble = judge_image(observation, status)) return with_its_option(observation, status, trouble);
    if (auto trouble = judge_container(observation, status)) return with_its_option(observation, status, trouble);
  }
  return std::nullopt;
}

Judgement judge(const Observation& observation) {
  Judgement result;
  if (observation.pod != nullptr) {
    result = judge_pod(observation);
  } else if (observation.lost_pods >= find_reason("pod-failed").grace.repetitions && !observation.change_pending) {
    result = judge_loss(observation);
  } else {
    result = judge_absence(observation);
  }
  result.text = printable(result.text);
  result.hint = printable(result.hint);
  return result;
}

Verdict decide(const Judgement& judgement, Duration unchanged_for) {
  const Grace& grace = judgement.reason->grace;
  Verdict verdict{Verdict::State::waiting, std::string(judgement.reason->name), judgement.text, judgement.hint};
  switch (grace.kind) {
    case Grace::Kind::none:
      verdict.state = Verdict::State::doomed;
      break;
    case Grace::Kind::repetitions:
      if (judgement.failures >= grace.repetitions) verdict.state = Verdict::State::doomed;
      break;
    case Grace::Kind::unchanged:
      if (unchanged_for >= grace.unchanged) {
        verdict.state = Verdict::State::doomed;
        verdict.text += fmt::format(" (for {} s now)", std::chrono::duration_cast<seconds>(unchanged_for).count());
      }
      break;
    case Grace::Kind::deadline:
      if (verdict.reason == "ready") verdict.state = Verdict::State::ready;
      break;
  }
  return verdict;
}

Judgement judgement(std::string_view reason, std::string text, std::string hint) {
  Judgement result;
  result.reason = &find_reason(reason);
  result.subject = text;
  result.text = std::move(text);
  result.hint = std::move(hint);
  return result;
}

std::string pod_name(const Observation& seen) {
  const json* pod = seen.pod != nullptr ? seen.pod : seen.former;
  return pod != nullptr ? text_at(*pod, {"metadata", "name"}) : seen.workload + "-0";
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string_view behind(std::string_view text, std::string_view prefix) {
  const std::size_t found = text.find(prefix);
  return found == std::string_view::npos ? std::string_view() : text.substr(found + prefix.size());
}

std::string between(std::string_view text, std::string_view before, std::string_view after) {
  const std::string_view rest = behind(text, before);
  const std::size_t end = rest.find(after);
  return end == std::string_view::npos ? std::string() : std::string(rest.substr(0, end));
}

const SeenEvent* last_pod_event(const Observation& seen, std::initializer_list<std::string_view> reasons,
                                std::string_view container) {
  if (seen.pod == nullptr) return nullptr;
  const std::string uid = text_at(*seen.pod, {"metadata", "uid"});
  for (auto event = seen.events.rbegin(); event != seen.events.rend(); ++event) {
    if (event->kind != "Pod" || event->uid != uid) continue;
    if (!container.empty() && event->container != container) continue;
    if (std::find(reasons.begin(), reasons.end(), event->reason) != reasons.end()) return &*event;
  }
  return nullptr;
}

std::optional<std::string> probe_answer(const Observation& seen, std::string_view probe, std::string_view container) {
  std::optional<std::string> answer;
  const std::string uid = seen.pod != nullptr ? text_at(*seen.pod, {"metadata", "uid"}) : "";
  for (const SeenEvent& event : seen.events) {
    if (event.kind != "Pod" || event.uid != uid || event.reason != "Unhealthy" || event.container != container)
      continue;
    if (event.message.starts_with(probe)) answer = std::string(trim(behind(event.message, " probe failed:")));
  }
  return answer;
}

std::string times(int count) { return count == 1 ? "once" : count == 2 ? "twice" : fmt::format("{} times", count); }

std::string waiting_reason(const json& status) { return text_at(status, {"state", "waiting", "reason"}); }

}  // namespace raibid
