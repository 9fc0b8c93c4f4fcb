#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/preset.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// What of the preset's streams and groups is not there yet, as (stream, group). Throws Error (failure) as
/// create_groups.
std::vector<std::pair<std::string, std::string>> missing_groups(RedisConnection& redis,
                                                                const std::vector<StreamSpec>& streams);

/// Creates streams and groups at 0 (XGROUP CREATE … 0 MKSTREAM: jobs added before the group existed are delivered,
/// unlike with $); BUSYGROUP is success. Returns how many were made. Throws Error (failure); a key of the stream's name
/// that holds something else is named with its type.
int create_groups(RedisConnection& redis, const std::vector<StreamSpec>& streams);

}  // namespace raibid
