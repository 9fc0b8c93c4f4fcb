#pragma once

#include <functional>
#include <string>

#include "components/context.hpp"
#include "components/redis/server/credentials.hpp"
#include "components/redis/settings/settings.hpp"
#include "plan/step.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// A connection to the Redis that is being set up; opened by an earlier step.
using RedisSource = std::function<RedisConnection&()>;

/// The last steps are the same wherever Redis runs.

/// Streams and groups of the preset. Its undo removes what it made: a stream only while it is empty.
Step stream_step(const RedisSettings& settings, const RedisSource& redis);

/// The credentials file at `credentials.path`. Its undo puts the previous one back, or removes it. `credentials` is
/// read when the step acts.
Step credentials_step(const Context& context, const Credentials& credentials);

/// Brings a running Redis to what was asked, by CONFIG SET where it differs, and proves it with CONFIG GET. Returns
/// what to say of it. Throws Error (failure) naming each directive that still differs. `changed` tells whether anything
/// had to be set.
std::string settle_config(const RedisSettings& settings, RedisConnection& redis, bool& changed);

/// Removes a file or folder of this machine that was not there before.
Undo undo_file(const std::filesystem::path& path);

/// Undoes for those steps: "redis.destroy_group", "file.remove", "file.restore". `redis` is opened only when one needs
/// it.
void add_common_undos(UndoTable& table, const RedisSource& redis);

}  // namespace raibid
