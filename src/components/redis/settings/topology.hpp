#pragma once

#include "components/redis/settings/option_reader.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// --ha, --replicas and --proxy-image: how many nodes there are. After everything that they may contradict. Throws
/// Error (usage) for what does not go together.
void take_topology(RedisSettings& redis, const OptionReader& reader);

/// How many sentinels have to agree that the master is gone: a majority of the nodes.
int sentinel_quorum(int nodes);

}  // namespace raibid
