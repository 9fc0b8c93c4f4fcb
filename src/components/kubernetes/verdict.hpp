#pragma once

#include "components/kubernetes/nodes.hpp"
#include "sys/clock.hpp"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace raibid {

/// What the cluster shows of a workload on its way to Ready, and what that means.
struct Verdict {
  enum class State {
    waiting,  ///< on its way, or it may heal by itself within its grace
    ready,
    doomed,  ///< cannot succeed, or its grace is over
  };
  State state = State::waiting;
  std::string reason;  ///< stable name of the row in the table: "image-pull", "quota", "unschedulable" …
  std::string text;    ///< for people: what it waits for, or why it fails
  std::string hint;    ///< what to do, with a command where there is one
};

/// How long a reason may stand before it means that this cannot succeed.
struct Grace {
  enum class Kind {
    none,         ///< the first sight of it is the end
    repetitions,  ///< the failure of that number is the end
    unchanged,    ///< the same can be said of it for that long
    deadline,     ///< only the run's own deadline ends it
  };
  Kind kind = Kind::deadline;
  int repetitions = 0;
  Duration unchanged{0};
};

/// A row of THE table: everything that can be said of a workload which is not Ready.
struct Reason {
  std::string_view name;
  Grace grace;
  bool heals;  ///< nobody has to change what was asked for
  std::string_view meaning;
};

std::span<const Reason> reasons();
/// The row of that name. Throws std::out_of_range: names are ours.
const Reason& find_reason(std::string_view name);

/// An event of the cluster and how often it happened.
struct SeenEvent {
  std::string kind, name, uid;  ///< of the object it is about
  std::string container;        ///< the container it is about, or ""
  std::string reason;
  std::string message;
  int count = 1;
  int fresh = 1;  ///< how often of these since the rollout began
};

/// What the cluster shows at one moment.
struct Observation {
  std::string workload;  ///< the StatefulSet's name
  std::string name_space;
  const nlohmann::json* pod = nullptr;     ///< the pod that counts
  const nlohmann::json* former = nullptr;  ///< one that does not: it is being deleted, or of an earlier revision
  bool change_pending = false;             ///< the StatefulSet is about to be changed: nothing that is there counts
  bool replaced = false;                   ///< a pod of this workload went away since the rollout began
  int lost_pods = 0;                       ///< pods that failed as a whole since then (evicted, refused by the kubelet)
  std::string loss;                        ///< why the last of them did
  std::map<std::string, int> earlier_restarts;  ///< of the pod's containers, before the rollout began
  std::string aside;                            ///< the container that does not decide about the pod, or ""
  const nlohmann::json* set = nullptr;          ///< the StatefulSet, once it was read
  bool set_is_gone = false;                     ///< it was asked for, and is not there
  std::string words{};                          ///< the last lines of a container that runs and is not ready
  std::vector<SeenEvent> events;          ///< of the pod, the StatefulSet and its claims; the last to happen is last
  const nlohmann::json* claim = nullptr;  ///< the claim that an event named, once it was read
  std::vector<NodeFacts> nodes;           ///< when they were asked for
  /// How a command is written for people: with the context and the namespace.
  std::function<std::string(const std::vector<std::string>&)> command;
};

/// What an observation means, before its grace.
struct Judgement {
  const Reason* reason = nullptr;
  std::string text;
  std::string hint;
  std::string subject = {};    ///< what has to stay the same for `unchanged`; a message that varies has none
  int failures = 1;            ///< for `repetitions`
  std::string container = {};  ///< whose last log lines say more
  std::string running = {};    ///< the container that runs and is not ready: what it says may tell why
};

/// Pure: the same observation gives the same judgement. Never throws for what a cluster may show.
Judgement judge(const Observation& observation);

/// The judgement with its grace applied; `unchanged_for` is how long the same reason and subject have stood.
Verdict decide(const Judgement& judgement, Duration unchanged_for);

/// The pod's own condition.
bool is_ready(const nlohmann::json& pod);

/// Whether its node does not answer any more: the node controller then sets Ready to False and leaves everything else
/// as the kubelet last said it (https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller), 40 to 50
/// seconds after the last word.
bool node_is_silent(const nlohmann::json& pod);

/// Everything of the pod is ready, the container `aside` left out: an exporter that fails takes the condition Ready
/// from the pod, and the program beside it works. Never true for a pod that is being deleted, or that is not Running
/// because a container has not started once: to such a pod kubectl forwards no port.
bool is_ready_without(const nlohmann::json& pod, std::string_view aside);

/// What keeps the container `aside` of a pod that is ready without it from running; nothing when it runs.
std::optional<Judgement> judge_aside(const Observation& observation);

/// What start.sh of the embedded chart says while another server holds the lock on the data.
inline constexpr std::string_view lock_is_held = "another server uses /data: waiting for its end";

}  // namespace raibid
