#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

#include "components/redis/settings/naming.hpp"
#include "sys/clock.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// How the node of this pod template or pod (its `spec`) talks to the others, by what it mounts: with which
/// certificate, and whether it knows users. Two nodes for which this differs cannot talk to each other.
std::string way_to_talk(const nlohmann::json& pod_spec);

/// Of a StatefulSet of several nodes: deletes, at once and each by its uid, the pods that talk otherwise than its
/// template says, and does not wait for their end. A rolling update alone never ends there: its first new pod waits for
/// a master that it cannot talk to. The controller must have taken in the template (status.observedGeneration), else it
/// makes the old ones again. Returns their names. Throws Error as Kubectl::explain.
std::vector<std::string> delete_unlike_pods(const Kubectl& kubectl, const RedisNames& names, TimePoint deadline);

}  // namespace raibid
