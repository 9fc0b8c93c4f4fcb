#pragma once

#include <functional>
#include <string>

#include "components/context.hpp"
#include "components/redis/server/credentials.hpp"
#include "components/redis/settings/redis_conf.hpp"
#include "components/redis/settings/settings.hpp"
#include "plan/step.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// A connection to the Redis that is being set up; opened by an earlier step.
using RedisSource = std::function<RedisConnection&()>;

/// The last steps are the same wherever Redis runs.

/// Streams and groups of the preset. Its undo removes what it made: a stream only while it is empty.
Step stream_step(const RedisSettings& settings, const RedisSource& redis);

/// The credentials file. Its undo puts the previous one back, or removes it. `credentials` is read when the step acts,
/// and `credentials.path` chosen again then: choosing and writing is under one lock, or two runs would choose one name.
Step credentials_step(Context& context, Credentials& credentials, const std::string& preset);

/// Removes the file of these credentials, if it is still theirs, under the same lock. Returns its name for people.
std::string remove_credentials(Context& context, const Credentials& credentials);

/// Brings a running Redis to what was asked, by CONFIG SET where it differs, and proves it with CONFIG GET. Returns
/// what to say of it. Throws Error (failure) naming each directive that still differs. `changed` tells whether anything
/// had to be set.
std::string settle_config(const Directives& directives, RedisConnection& redis, bool& changed);

/// What sets back each directive that settle_config is about to change. Throws Error as config_differences.
std::vector<Undo> undo_settling(const Directives& directives, RedisConnection& redis);

/// Removes a file or folder of this machine that was not there before.
Undo undo_file(const std::filesystem::path& path);

/// Undoes for those steps: "redis.destroy_group", "redis.config_set", "credentials.remove", "file.remove",
/// "file.restore". `redis` is opened only when one needs it. Those of files act inside the home alone: a journal that
/// names another path is Error (remains).
void add_common_undos(UndoTable& table, const Context& context, const RedisSource& redis);

}  // namespace raibid
