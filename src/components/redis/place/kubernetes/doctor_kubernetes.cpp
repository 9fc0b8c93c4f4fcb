#include "components/redis/place/kubernetes/doctor_kubernetes.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/place/kubernetes/status_kubernetes.hpp"
#include "components/redis/settings/naming.hpp"

namespace raibid {

namespace {

using nlohmann::json;

// A check that could not be made is one that did not pass; a signal still ends everything.
template <typename Examine>
bool examine(const std::string& name, HealthReport& report, CheckReason reason, Examine&& look) {
  try {
    report.add({name, true, look()});
    return true;
  } catch (const Error& error) {
    report.add({name, false, error.message(), error.hint()}, reason);
    return false;
  }
}

[[noreturn]] void fail(const std::string& message, const std::string& hint) {
  throw Error(ExitCode::preflight, message, hint);
}

struct Room {
  std::int64_t memory = 0;
  std::int64_t millicores = 0;
};

std::int64_t sum_requests(const json& pod, const char* resource) {
  std::int64_t total = 0;
  for (const json& container : pod.value("/spec/containers"_json_pointer, json::array())) {
    const std::string text = container.value("/resources/requests"_json_pointer, json::object()).value(resource, "0");
    total += std::string_view(resource) == "cpu" ? parse_millicores(text, "a pod's request")
                                                 : parse_bytes(text, "a pod's request");
  }
  return total;
}

bool schedulable(const json& node) {
  if (node.value("/spec/unschedulable"_json_pointer, false)) return false;
  for (const json& taint : node.value("/spec/taints"_json_pointer, json::array())) {
    if (taint.value("effect", "") != "PreferNoSchedule") return false;
  }
  const json conditions = node.value("/status/conditions"_json_pointer, json::array());
  return std::any_of(conditions.begin(), conditions.end(), [](const json& condition) {
    return condition.value("type", "") == "Ready" && condition.value("status", "") == "True";
  });
}

// What each node could still promise: allocatable less what its pods have requested, as the scheduler counts.
std::map<std::string, Room> free_room(const json& nodes, const json& pods) {
  std::map<std::string, Room> rooms;
  for (const json& node : nodes) {
    if (!schedulable(node)) continue;
    const json allocatable = node.value("/status/allocatable"_json_pointer, json::object());
    rooms[node.value("/metadata/name"_json_pointer, "")] = {
        parse_bytes(allocatable.value("memory", "0"), "a node's memory"),
        parse_millicores(allocatable.value("cpu", "0"), "a node's cpu")};
  }
  for (const json& pod : pods) {
    const auto room = rooms.find(pod.value("/spec/nodeName"_json_pointer, ""));
    const std::string phase = pod.value("/status/phase"_json_pointer, "");
    if (room == rooms.end() || phase == "Succeeded" || phase == "Failed") continue;
    room->second.memory -= sum_requests(pod, "memory");
    room->second.millicores -= sum_requests(pod, "cpu");
  }
  return rooms;
}

std::string examine_room(Context& context, const Kubectl& kubectl, const RedisSettings& settings) {
  const std::vector<Command> questions = {kubectl.list("nodes", ""), kubectl.list_everywhere("pods")};
  const std::vector<Output> answers = kubectl.ask(questions, context.deadline);
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (!Kubectl::parse_visible_items(questions[i], answers[i]).refused.empty())
      return "unknown: this login may not list nodes and the pods of all namespaces";
  }
  const auto rooms =
      free_room(Kubectl::parse_items(questions[0], answers[0]), Kubectl::parse_items(questions[1], answers[1]));
  const std::int64_t memory = parse_bytes(settings.memory_request, "--memory-request");
  const std::int64_t millicores = parse_millicores(settings.cpu_request, "--cpu-request");
  Room best;
  for (const auto& [name, room] : rooms) {
    if (room.memory >= memory && room.millicores >= millicores) {
      return fmt::format("node {} has {} and {}m free for {} and {}", name, format_bytes(room.memory), room.millicores,
                         settings.memory_request, settings.cpu_request);
    }
    best.memory = std::max(best.memory, room.memory);
    best.millicores = std::max(best.millicores, room.millicores);
  }
  fail(fmt::format("no node has room for {} memory and {} CPU (at most {} and {}m are free)", settings.memory_request,
                   settings.cpu_request, format_bytes(best.memory), best.millicores),
       "ask for less with --memory-request and --cpu-request, or make room: " +
           kubectl.for_people({"describe", "nodes"}));
}

std::string examine_rights(const Observed& observed, const Kubectl& kubectl) {
  if (observed.refused.empty()) return "everything setup does is allowed";
  throw missing_rights(observed.refused, kubectl);
}

std::string examine_storage(const Observed& observed, const RedisSettings& settings) {
  if (!settings.persistence) return "none needed (--no-persistence)";
  if (!observed.storage_classes_known) return "unknown: this login may not list StorageClasses";
  const std::string classes = join(observed.storage_classes, ", ");
  const std::string wanted = settings.storage_class.empty() ? observed.default_storage_class : settings.storage_class;
  if (wanted.empty()) {
    fail("the cluster has no default StorageClass",
         classes.empty() ? "install a provisioner (k3s ships local-path), or use --no-persistence"
                         : "choose one with --storage-class: " + classes);
  }
  if (std::find(observed.storage_classes.begin(), observed.storage_classes.end(), wanted) ==
      observed.storage_classes.end()) {
    fail("there is no StorageClass " + wanted, "the cluster has: " + classes);
  }
  return wanted + (settings.storage_class.empty() ? " (the default)" : "");
}

std::string examine_chart(Context& context, const Helm& helm, const RedisSettings& settings) {
  if (settings.chart.kind == ChartChoice::Kind::embedded) return "embedded: nothing to fetch";
  const Helm::Chart chart{settings.chart.reference, settings.chart.repository, settings.chart.version};
  helm.run_checked(helm.show_chart(chart), context.deadline);
  return settings.chart.reference + " can be fetched";
}

/// While it allows no disruption, a drain of a cluster's node waits; without it, one could take two of three pods.
void examine_budget(Context& context, const Kubectl& kubectl, const RedisNames& names, HealthReport& report) {
  const Command question = kubectl.get({"poddisruptionbudget/" + names.full});
  const json budgets = Kubectl::parse_items(question, kubectl.ask(question, question_deadline(context)));
  if (budgets.empty()) {
    report.add({"budget", false,
                fmt::format("PodDisruptionBudget {} is missing: a drain could take two pods at once", names.full),
                "setup makes it again: " + report.scope().command("setup redis")},
               CheckReason::missing);
    return;
  }
  const auto allowed = budgets.front().value("/status/disruptionsAllowed"_json_pointer, std::int64_t{0});
  report.add({.name = "budget",
              .passed = true,
              .text = allowed > 0 ? fmt::format("{} may be drained now", counted(allowed, "pod", "pods"))
                                  : "no pod may be drained now: a drain of its node waits",
              .hint = "see which pod is not Ready: " + kubectl.for_people({"get", "pods", "-l", names.selector}),
              .warning = allowed == 0},
             CheckReason::not_ready);
}

/// Of a release of several nodes that is there.
void examine_several(Context& context, const Observed& observed, const Kubectl& kubectl, HealthReport& report) {
  if (!observed.ha() || observed.pods.empty()) return;
  const RedisNames names = observed.names();
  examine_nodes(context, look_at_topology(context, kubectl, observed, question_deadline(context)), kubectl, names,
                report);
  try {
    examine_budget(context, kubectl, names, report);
  } catch (const Error& error) {
    report.add({"budget", true, "unknown: " + error.message(), "", true});
  }
}

}  // namespace

void examine_kubernetes(Context& context, const RedisSettings& settings, HealthReport& report) {
  examine("helm", report, CheckReason::missing, [&] {
    const Command question = Helm::version();
    return "helm " + Helm::parse_version(question, run(context.runner, question, question_deadline(context))).text;
  });
  std::optional<ClusterSession> session;
  if (!examine("context", report, CheckReason::unreachable, [&] {
        session.emplace(choose_cluster(context, settings.name_space, NeedsHelm::no));
        return describe(session->kubectl);
      })) {
    return;
  }
  const RedisNames names(settings.release, settings.name_space, settings.cluster_domain);
  std::optional<Observed> observed;
  if (!examine("cluster", report, CheckReason::unreachable, [&] {
        observed = observe(context, session->kubectl, names, settings);
        return fmt::format("Kubernetes {}, kubectl {}", observed->versions.server, observed->versions.client);
      })) {
    return;
  }
  examine("rights", report, CheckReason::forbidden, [&] { return examine_rights(*observed, session->kubectl); });
  examine("storage", report, CheckReason::missing, [&] { return examine_storage(*observed, settings); });
  examine("room", report, CheckReason::no_room, [&] { return examine_room(context, session->kubectl, settings); });
  examine("chart", report, CheckReason::unreachable, [&] { return examine_chart(context, session->helm, settings); });
  examine_several(context, *observed, session->kubectl, report);
}

}  // namespace raibid
