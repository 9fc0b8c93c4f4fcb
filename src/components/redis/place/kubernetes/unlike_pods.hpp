#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

#include "components/redis/settings/naming.hpp"
#include "sys/process.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// How the node of this pod, or of this pod template, talks to the other nodes: which Secret has its certificate, for
/// which change of it the pod was restarted, and whether it knows users. Nodes that differ in it cannot talk to each
/// other.
std::string way_to_talk(const nlohmann::json& pod);

/// For several nodes of the embedded chart: deletes the pods that differ from the StatefulSet's template in
/// `way_to_talk`, all at once and each by its uid, and does not wait for their end. A rolling update alone would never
/// end: its first new pod waits for a master that it cannot talk to. First it waits for the controller (settled_set),
/// which would create the old pods again. Returns the names of the deleted pods. Throws Error as settled_set and
/// Kubectl::explain.
std::vector<std::string> delete_unlike_pods(Runner& runner, const Kubectl& kubectl, const RedisNames& names,
                                            TimePoint deadline);

}  // namespace raibid
