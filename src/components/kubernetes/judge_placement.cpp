#include "components/kubernetes/judge_placement.hpp"

#include "base/json.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/judges.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace raibid {

namespace {

using nlohmann::json;

/// "0/1 nodes are available: 1 Insufficient cpu", without what preemption could not do either.
std::string scheduler_words(const std::string& message) {
  const std::size_t head = message.find(": ");
  std::size_t end = message.find(". ", head == std::string::npos ? 0 : head);
  if (end == std::string::npos) end = message.ends_with('.') ? message.size() - 1 : message.size();
  return message.substr(0, end);
}

std::string taints(const Observation& seen) {
  std::string text;
  for (const NodeFacts& node : seen.nodes) {
    if (!node.taints.empty())
      text += fmt::format("{}{} has {}", text.empty() ? "" : "; ", node.name, join(node.taints, ", "));
  }
  return text;
}

/// What the pod asks for and what the nodes have, for each resource that does not suffice.
std::string shortage(const Observation& seen, const std::string& words) {
  std::string text;
  for (const char* resource : {"cpu", "memory"}) {
    if (!contains(words, std::string("Insufficient ") + resource)) continue;
    const std::int64_t asked = requested(*seen.pod, resource);
    text += fmt::format(". It asks for {}", format_amount(asked, resource));
    if (const std::string room = describe_room(seen.nodes, resource); !room.empty()) text += "; " + room;
  }
  return text;
}

/// A command for a node that stands in the way: its real name, or NODE while nobody has asked.
std::string node_name(const Observation& seen, bool (*in_the_way)(const NodeFacts&)) {
  const auto found = std::find_if(seen.nodes.begin(), seen.nodes.end(), in_the_way);
  return found == seen.nodes.end() ? "NODE" : found->name;
}

bool is_tainted(const NodeFacts& node) { return !node.taints.empty(); }
bool is_cordoned(const NodeFacts& node) { return node.cordoned; }

std::string untaint_argument(const Observation& seen) {
  const auto found = std::find_if(seen.nodes.begin(), seen.nodes.end(), is_tainted);
  if (found == seen.nodes.end()) return "KEY-";
  const std::string& taint = found->taints.front();
  return taint.substr(0, taint.find_first_of("=:")) + "-";
}

struct Advice {
  std::string_view sign;
  std::string_view hint;
  std::vector<std::string> command;
};

/// The first whose sign is in the scheduler's words.
std::string placement_hint(const Observation& seen, const std::string& words) {
  const std::vector<Advice> table = {
      {"Insufficient ",
       "ask for less (--memory-request, --cpu-request), or make room; what is requested on the nodes:",
       {"describe", "nodes"}},
      {"untolerated taint",
       "let the pod tolerate the taint (--set, -f), or remove it:",
       {"taint", "nodes", node_name(seen, is_tainted), untaint_argument(seen)}},
      {"volume node affinity",
       "the claim's volume lives on another node: bring that node back, or give up the data with the claim; see:",
       {"get", "persistentvolumeclaims,persistentvolumes", "-o", "wide"}},
      {"didn't match Pod's node affinity",
       "label a node as the pod wants it, or drop the nodeSelector or affinity; the nodes' labels:",
       {"get", "nodes", "--show-labels"}},
      {"were unschedulable", "a node is cordoned; let pods on it again:", {"uncordon", node_name(seen, is_cordoned)}},
      {"persistentvolumeclaim", "see the claim:", {"get", "persistentvolumeclaims"}},
  };
  for (const Advice& advice : table) {
    if (contains(words, advice.sign)) return fmt::format("{} {}", advice.hint, seen.command(advice.command));
  }
  return "see why: " + seen.command({"describe", "pod", pod_name(seen)});
}

const NodeFacts* find_node(const Observation& seen, const std::string& name) {
  const auto found =
      std::find_if(seen.nodes.begin(), seen.nodes.end(), [&](const NodeFacts& node) { return node.name == name; });
  return found == seen.nodes.end() ? nullptr : &*found;
}

Judgement judge_node(const Observation& seen, const NodeFacts& node) {
  const std::string text =
      fmt::format("node {} is not Ready, and pod {} waits for it: {}", node.name, pod_name(seen), node.trouble);
  const std::string hint =
      fmt::format("see the node ({}) and its kubelet (k3s: systemctl status k3s or k3s-agent on it)",
                  seen.command({"describe", "node", node.name}));
  Judgement result = judgement(node.joining ? "node-joins" : "node-not-ready", text, hint);
  result.subject = node.name;
  return result;
}

/// The node controller says on the pod that its node is gone; what was asked of the node since then knows better.
std::optional<Judgement> judge_lost_node(const Observation& seen) {
  const SeenEvent* event = last_pod_event(seen, {"NodeNotReady"});
  const std::string name = text_at(*seen.pod, {"spec", "nodeName"});
  if (event == nullptr || event->fresh < 1 || find_node(seen, name) != nullptr) return std::nullopt;
  NodeFacts node;
  node.name = name;
  node.trouble = event->message;
  return judge_node(seen, node);
}

Judgement judge_unschedulable(const Observation& seen, const std::string& message) {
  const std::string words = scheduler_words(message);
  if (const SeenEvent* scaling = last_pod_event(seen, {"TriggeredScaleUp", "Nominated"}); scaling != nullptr) {
    return judgement("node-joins",
                     fmt::format("a node is being added for pod {}: {}", pod_name(seen), scaling->message),
                     "see the nodes: " + seen.command({"get", "nodes"}));
  }
  const bool tainted = contains(words, "untolerated taint");
  if (tainted) {
    for (const NodeFacts& node : seen.nodes) {
      if (!node.ready) return judge_node(seen, node);
    }
    if (contains(words, "node.kubernetes.io/not-ready") || contains(words, "node.kubernetes.io/unreachable")) {
      return judgement("node-not-ready", fmt::format("no node is Ready for pod {}: {}", pod_name(seen), words),
                       "see the nodes: " + seen.command({"get", "nodes"}));
    }
  }
  std::string text = fmt::format("no node takes pod {}: {}", pod_name(seen), words);
  text += shortage(seen, words);
  if (const std::string listed = taints(seen); tainted && !listed.empty()) text += ". " + listed;
  if (contains(words, "node affinity/selector")) {
    if (const json& selector = at(*seen.pod, {"spec", "nodeSelector"}); selector.is_object()) {
      text += fmt::format(". It wants {}", json_text(selector));
    }
  }
  Judgement result = judgement("unschedulable", text, placement_hint(seen, words));
  result.subject = words;  // not what the nodes have: that changes with every pod elsewhere
  return result;
}

bool bound_but_untouched(const Observation& seen) {
  return !text_at(*seen.pod, {"spec", "nodeName"}).empty() && text_at(*seen.pod, {"status", "startTime"}).empty();
}

std::set<std::string> claims_of(const json& pod) {
  std::set<std::string> names;
  for (const json& volume : items_at(pod, {"spec", "volumes"})) {
    const std::string name = text_at(volume, {"persistentVolumeClaim", "claimName"});
    if (!name.empty()) names.insert(name);
  }
  return names;
}

/// "claim X (8Gi, StorageClass Y)"
std::string describe_claim(const Observation& seen, const std::string& name) {
  if (seen.claim == nullptr || text_at(*seen.claim, {"metadata", "name"}) != name) return "claim " + name;
  const std::string size = text_at(*seen.claim, {"spec", "resources", "requests", "storage"});
  const std::string storage_class = text_at(*seen.claim, {"spec", "storageClassName"});
  return fmt::format("claim {} ({}, {})", name, size,
                     storage_class.empty() ? "no StorageClass" : "StorageClass " + storage_class);
}

Judgement judge_no_class(const Observation& seen, const std::string& claim, const std::string& text) {
  return judgement("storage-class", fmt::format("{}: {}", describe_claim(seen, claim), text),
                   "name one that exists with --storage-class (or set a default class, or use --no-persistence): " +
                       seen.command({"get", "storageclasses"}));
}

Judgement judge_provisioning_failure(const Observation& seen, const std::string& claim, const SeenEvent& event) {
  const std::string missing = between(event.message, "storageclass.storage.k8s.io \"", "\" not found");
  if (!missing.empty()) return judge_no_class(seen, claim, fmt::format("there is no StorageClass {}", missing));
  Judgement failed =
      judgement("provisioning-failed", fmt::format("{} has no volume: {}", describe_claim(seen, claim), event.message),
                "see the claim and its provisioner: " + seen.command({"describe", "persistentvolumeclaim", claim}));
  failed.subject = claim;  // provisioners put numbers of requests into their messages
  return failed;
}

std::optional<Judgement> judge_claim_event(const Observation& seen, const SeenEvent& event, bool provisioner_lives) {
  const std::string& claim = event.name;
  if (event.reason == "FailedBinding" && contains(event.message, "no storage class is set")) {
    return judge_no_class(seen, claim, event.message);
  }
  if (event.reason == "ProvisioningFailed" || event.reason == "FailedBinding") {
    return judge_provisioning_failure(seen, claim, event);
  }
  if (event.reason == "ClaimLost") {
    return judgement(
        "claim-lost", fmt::format("{} has lost its volume: {}", describe_claim(seen, claim), event.message),
        "bring the volume back, or give up the data: " + seen.command({"describe", "persistentvolumeclaim", claim}));
  }
  if (event.reason == "Provisioning" || (event.reason == "ExternalProvisioning" && provisioner_lives)) {
    return judgement("provisioning", fmt::format("the provisioner makes a volume for {}", describe_claim(seen, claim)),
                     "see how far it is: " + seen.command({"describe", "persistentvolumeclaim", claim}));
  }
  if (event.reason != "ExternalProvisioning") return std::nullopt;
  const std::string provisioner = between(event.message, "provisioner '", "'");
  Judgement silent = judgement(
      "provisioner",
      fmt::format("provisioner {} has not made a volume for {} yet", provisioner, describe_claim(seen, claim)),
      fmt::format("check that the provisioner's pod runs ({}), or choose another class with --storage-class ({})",
                  seen.command({"get", "pods", "--all-namespaces"}), seen.command({"get", "storageclasses"})));
  silent.subject = claim;
  return silent;
}

}  // namespace

std::optional<Judgement> judge_storage(const Observation& seen) {
  const std::set<std::string> claims = claims_of(*seen.pod);
  const std::string read = seen.claim != nullptr ? text_at(*seen.claim, {"metadata", "name"}) : "";
  const std::string uid = seen.claim != nullptr ? text_at(*seen.claim, {"metadata", "uid"}) : "";
  const bool bound = seen.claim != nullptr && text_at(*seen.claim, {"status", "phase"}) == "Bound";
  std::set<std::string> alive;  // claims whose provisioner has said something
  for (const SeenEvent& event : seen.events) {
    if (event.kind == "PersistentVolumeClaim" && event.reason == "Provisioning" && event.fresh > 0)
      alive.insert(event.name);
  }
  for (auto event = seen.events.rbegin(); event != seen.events.rend(); ++event) {
    if (event->kind != "PersistentVolumeClaim" || event->fresh < 1 || !claims.contains(event->name)) continue;
    if (event->name == read && (event->uid != uid || bound)) continue;  // of an earlier claim of that name, or past
    if (auto trouble = judge_claim_event(seen, *event, alive.contains(event->name))) return trouble;
  }
  return std::nullopt;
}

std::optional<Judgement> judge_placement(const Observation& seen) {
  const json& pod = *seen.pod;
  if (const NodeFacts* node = find_node(seen, text_at(pod, {"spec", "nodeName"})); node != nullptr && !node->ready) {
    return judge_node(seen, *node);
  }
  if (auto trouble = judge_lost_node(seen)) return trouble;
  if (bound_but_untouched(seen)) {
    return judgement("pod-bound",
                     fmt::format("node {} is creating pod {}", text_at(pod, {"spec", "nodeName"}), pod_name(seen)),
                     "see the node: " + seen.command({"describe", "node", text_at(pod, {"spec", "nodeName"})}));
  }
  if (!text_at(pod, {"spec", "nodeName"}).empty()) return std::nullopt;
  if (auto trouble = judge_storage(seen)) return trouble;
  for (const json& condition : items_at(pod, {"status", "conditions"})) {
    if (text_at(condition, {"type"}) != "PodScheduled" || text_at(condition, {"status"}) != "False") continue;
    if (text_at(condition, {"reason"}) == "SchedulingGated") {
      const json& gates = at(pod, {"spec", "schedulingGates"});
      const std::string gate = gates.is_array() && !gates.empty() ? text_at(gates.front(), {"name"}) : "?";
      return judgement("scheduling-gate",
                       fmt::format("pod {} waits for scheduling gate {} to be lifted", pod_name(seen), gate),
                       "whoever set the gate has to remove it: " + seen.command({"describe", "pod", pod_name(seen)}));
    }
    return judge_unschedulable(seen, text_at(condition, {"message"}));
  }
  return judgement("scheduling", fmt::format("waiting for a node for pod {}", pod_name(seen)),
                   "check whether the scheduler runs: " + seen.command({"describe", "pod", pod_name(seen)}));
}

}  // namespace raibid
