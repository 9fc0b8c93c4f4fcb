#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/redis_client.hpp"

namespace raibid {

/// A Lua script of templates/scripts/queue, with what they share in front of it.
struct Script {
  std::string text;
  std::string digest;  ///< SHA-1, by which EVALSHA knows it
};

/// Throws std::out_of_range for a name that was not compiled in.
Script queue_script(std::string_view name);

/// Whether a script writes. Redis 7.0 and newer itself refuses a write in one that only reads (EVAL_RO).
enum class ScriptUse { writes, reads };

/// The command that runs a script which the server has loaded.
std::vector<std::string> script_call(const Script& script, const std::vector<std::string>& keys,
                                     const std::vector<std::string>& arguments, ScriptUse use = ScriptUse::writes);

struct ScriptCall {
  std::vector<std::string> keys, arguments;
};

/// A script that only reads, once for each of `calls`: one round trip, or two where the server does not keep scripts or
/// has none that only read. The replies may be errors. Throws Error (failure) as run_script.
std::vector<RedisReply> run_reading_script(RedisConnection& redis, const Script& script,
                                           const std::vector<ScriptCall>& calls);

/// A script that only reads: by EVAL_RO, or by EVAL where there is no EVAL_RO. The reply may be an error.
RedisReply eval_reading(RedisConnection& redis, const std::string& text, const std::vector<std::string>& keys,
                        const std::vector<std::string>& arguments);

/// SCRIPT LOAD. Throws Error (failure).
void load_script(RedisConnection& redis, const Script& script);

/// Runs a script, and loads it when the server does not know it. Throws Error (failure) with Redis' own words.
RedisReply run_script(RedisConnection& redis, const Script& script, const std::vector<std::string>& keys,
                      const std::vector<std::string>& arguments, ScriptUse use = ScriptUse::writes);

/// Throws Error (failure) when `reply` is an error; "while `doing`".
void expect_no_error(const RedisReply& reply, const std::string& doing);

}  // namespace raibid
