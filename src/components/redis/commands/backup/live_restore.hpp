#pragma once

#include <string>

#include "components/context.hpp"
#include "components/redis/server/data_counts.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// The key that a live restore leaves while it is under way, with the SHA-256 of its file: the same one goes on where
/// it was killed, and another one is refused.
inline constexpr const char* live_restore_marker = "raibid:restore";

/// Brings what `from` holds (a scratch server with the backup) into a running Redis that is empty, key by key (DUMP,
/// RESTORE), for a Redis whose files we cannot reach. What was written is removed again when it fails. After a kill it
/// goes on, and no key that is there is overwritten or removed. Throws Error: preflight where there are keys,
/// rolled_back, remains when what was written could not be removed or a killed run's part of it stays.
void restore_live(Context& context, RedisConnection& from, RedisConnection& to, const DataCounts& counts,
                  const std::string& sha256);

}  // namespace raibid
