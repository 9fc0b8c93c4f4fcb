#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

#include "components/redis/settings/naming.hpp"
#include "sys/process.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// How the node of this pod, or of this pod template, talks to the others: with which Secret's certificate, read anew
/// for which change, and whether it knows users. Two nodes for which this differs cannot talk to each other.
std::string way_to_talk(const nlohmann::json& pod);

/// Of the embedded chart's StatefulSet of several nodes: deletes, at once and each by its uid, the pods that talk
/// otherwise than its template says, and does not wait for their end. A rolling update alone never ends there: its
/// first new pod waits for a master that it cannot talk to. Before that it waits until the controller has taken in the
/// template, which would make the old ones again. Returns their names. Throws Error (failure) when that is not in time,
/// else as Kubectl::explain.
std::vector<std::string> delete_unlike_pods(Runner& runner, const Kubectl& kubectl, const RedisNames& names,
                                            TimePoint deadline);

}  // namespace raibid
