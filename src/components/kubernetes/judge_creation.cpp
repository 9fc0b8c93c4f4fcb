#include "components/kubernetes/judge_creation.hpp"

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/judges.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace raibid {

namespace {

/// The controller's last word about making a pod or its claims, when it is a refusal that is still news.
const SeenEvent* refusal(const Observation& seen) {
  for (auto event = seen.events.rbegin(); event != seen.events.rend(); ++event) {
    if (event->kind != "StatefulSet" || event->name != seen.workload) continue;
    if (event->reason == "FailedCreate") return event->fresh > 0 ? &*event : nullptr;
    if (event->reason == "SuccessfulCreate" && event->message.starts_with("create Pod ")) return nullptr;
  }
  return nullptr;
}

/// "pod X" or "claim X", which the controller tried to make.
std::string refused_object(const Observation& seen, const std::string& message) {
  if (const std::string claim = between(message, "persistentvolumeclaims \"", "\""); !claim.empty())
    return "claim " + claim;
  if (const std::string pod = between(message, "create Pod ", " in StatefulSet"); !pod.empty()) return "pod " + pod;
  return "pod " + pod_name(seen);
}

/// What comes behind the names of the objects: the refusal in the API's words.
std::string words_of(const std::string& message) {
  std::string_view words = behind(message, " failed error: ");
  if (words.empty()) words = message;
  for (const std::string_view prefix : {"\" is forbidden: ", "\" is invalid: "}) {
    if (const std::string_view rest = behind(words, prefix); !rest.empty()) return std::string(rest);
  }
  return std::string(words);
}

std::int64_t amount(const std::string& resource, const std::string& text) {
  try {
    return contains(resource, "cpu") ? parse_millicores(text, resource) : parse_bytes(text, resource);
  } catch (const Error&) {
    return 0;
  }
}

/// "a=1,b=2" in which a or b is more than the same in `limits`: no waiting makes room for that.
bool beyond(const std::string& wanted, const std::string& limited) {
  const std::string limits = "," + limited;
  for (const std::string& part : split(wanted, ',')) {
    const std::string resource(trim(part.substr(0, part.find('='))));
    const std::string_view asked = behind(part, "=");
    const std::string_view limit = behind(limits, "," + resource + "=");
    const std::string allowed(limit.substr(0, limit.find(',')));
    if (!allowed.empty() && amount(resource, std::string(asked)) > amount(resource, allowed)) return true;
  }
  return false;
}

Judgement judge_quota(const Observation& seen, const std::string& object, const std::string& words) {
  if (contains(words, "failed quota: ")) {
    return judgement(
        "quota",
        fmt::format("ResourceQuota {} refuses {}: it {}", between(words, "failed quota: ", ":"), object,
                    behind(behind(words, "failed quota: "), ": ")),
        "set what it asks for (--memory-limit, --cpu-limit, --memory-request, --cpu-request), or see the quota: " +
            seen.command({"describe", "resourcequota"}));
  }
  const std::string quota = between(words, "exceeded quota: ", ",");
  const std::string wanted = between(words, "requested: ", ", used: ");
  const std::string used = between(words, "used: ", ", limited: ");
  const std::string limit(behind(words, "limited: "));
  const bool soon = seen.replaced && !beyond(wanted, limit);
  const std::string cause = soon ? "still counts the pod that just ended, and has no room for" : "has no room for";
  return judgement(
      soon ? "quota-replacement" : "quota",
      fmt::format("ResourceQuota {} {} {}: asked {}; used {}; allowed {}", quota, cause, object, wanted, used, limit),
      fmt::format(
          "ask for less ({}), or make room: {}",
          object.starts_with("claim") ? "--size" : "--memory-request, --cpu-request, --memory-limit, --cpu-limit",
          seen.command({"describe", "resourcequota", quota})));
}

bool is_limit_range(const std::string& words) {
  return contains(words, " usage per ") || contains(words, "limit to request ratio per ");
}

Judgement judge_service_account(const Observation& seen, const std::string& object, const std::string& words) {
  const std::string name = between(words, "serviceaccount \"", "\"");
  return judgement(
      "service-account", fmt::format("{} needs ServiceAccount {}, which does not exist", object, name),
      fmt::format("make it ({}), or check whether the controller manager runs, which makes the one called default",
                  seen.command({"create", "serviceaccount", name})));
}

Judgement judge_webhook(const Observation& seen, const std::string& object, const std::string& words) {
  const std::string name = between(words, "failed calling webhook \"", "\"");
  const std::string_view cause = behind(words, "failed to call webhook: ");
  Judgement silent = judgement(
      "webhook",
      fmt::format("admission webhook {} does not answer, so {} cannot be made: {}", name, object,
                  cause.empty() ? std::string_view(words) : cause),
      "check that what serves it runs; whose it is: " +
          seen.command({"get", "validatingwebhookconfigurations,mutatingwebhookconfigurations", "-o", "yaml"}));
  silent.subject = name;  // the words have ports and times in them
  return silent;
}

Judgement judge_pod_security(const Observation& seen, const std::string& object, const std::string& words) {
  return judgement("pod-security",
                   fmt::format("the Pod Security level of namespace {} forbids {}: {}", seen.name_space, object, words),
                   "use another namespace (-n), or a chart that satisfies the level (the embedded one satisfies "
                   "restricted), or lower "
                   "the level: " +
                       seen.command({"label", "namespace", seen.name_space, "--overwrite",
                                     "pod-security.kubernetes.io/enforce=baseline"}));
}

}  // namespace

std::optional<Judgement> judge_creation(const Observation& seen) {
  const SeenEvent* event = refusal(seen);
  if (event == nullptr) return std::nullopt;
  const std::string object = refused_object(seen, event->message);
  const std::string words = words_of(event->message);
  if (contains(words, "exceeded quota: ") || contains(words, "failed quota: ")) return judge_quota(seen, object, words);
  if (is_limit_range(words)) {
    return judgement(
        "limit-range", fmt::format("a LimitRange refuses {}: {}", object, words),
        "stay within it (--memory-limit, --cpu-limit, --memory-request, --cpu-request, --size), or change it: " +
            seen.command({"describe", "limitrange"}));
  }
  if (contains(words, "violates PodSecurity ")) return judge_pod_security(seen, object, words);
  if (contains(words, "error looking up service account ")) return judge_service_account(seen, object, words);
  if (contains(words, "failed calling webhook ")) return judge_webhook(seen, object, words);
  if (contains(event->message, "\" is invalid: ")) {
    return judgement("invalid-pod", fmt::format("the API refuses {} as invalid: {}", object, words),
                     "correct the values that lead to it (--set, -f), and see the StatefulSet: " +
                         seen.command({"get", "statefulset", seen.workload, "-o", "yaml"}));
  }
  if (contains(event->message, "\" is forbidden: ") || contains(words, " denied the request")) {
    return judgement("admission", fmt::format("admission refuses {}: {}", object, words),
                     "give it what it wants (--set, -f), or ask whoever set the rule; the refusals: " +
                         seen.command({"describe", "statefulset", seen.workload}));
  }
  Judgement other =
      judgement("pod-creation", fmt::format("StatefulSet {} cannot make {}: {}", seen.workload, object, words),
                "see its events: " + seen.command({"describe", "statefulset", seen.workload}));
  other.subject = object;  // the words may have times and addresses in them
  return other;
}

}  // namespace raibid
