#include "components/redis/server/script.hpp"

#include <fmt/format.h>

#include "assets/assets.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "sys/random.hpp"

namespace raibid {

Script queue_script(std::string_view name) {
  Script script;
  script.text = std::string(asset("scripts/queue/lib.lua"));
  script.text += "\n";
  script.text += asset(fmt::format("scripts/queue/{}.lua", name));
  script.digest = sha1_hex(script.text);
  return script;
}

std::vector<std::string> script_call(const Script& script, const std::vector<std::string>& keys,
                                     const std::vector<std::string>& arguments, ScriptUse use) {
  std::vector<std::string> command = {use == ScriptUse::reads ? "EVALSHA_RO" : "EVALSHA", script.digest,
                                      std::to_string(keys.size())};
  command.insert(command.end(), keys.begin(), keys.end());
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

void load_script(RedisConnection& redis, const Script& script) {
  expect_no_error(redis.command({"SCRIPT", "LOAD", script.text}), "loading a script");
}

RedisReply run_script(RedisConnection& redis, const Script& script, const std::vector<std::string>& keys,
                      const std::vector<std::string>& arguments, ScriptUse use) {
  std::vector<std::string> command = script_call(script, keys, arguments, use);
  RedisReply reply = redis.command(command);
  if (reply.error_code() == "NOSCRIPT") {
    command[0] = use == ScriptUse::reads ? "EVAL_RO" : "EVAL";
    command[1] = script.text;
    reply = redis.command(command);
  }
  expect_no_error(reply, "running a script of the queue");
  return reply;
}

void expect_no_error(const RedisReply& reply, const std::string& doing) {
  if (!reply.is_error()) return;
  std::string hint;
  const std::string code = reply.error_code();
  if (code == "OOM")
    hint = "Redis is at its maxmemory: let the workers catch up, trim the queue, or give it more memory";
  if (code == "LOADING") hint = "it has just started and is loading its data: try again in a while";
  if (code == "NOAUTH") hint = "its password was changed meanwhile";
  if (code == "READONLY") hint = "this Redis is a replica: write to its master";
  if (code == "MISCONF") hint = "it cannot write its data: is the volume full?";
  if (code == "NOGROUP") hint = "the stream or its group is gone; setup creates both again";
  if (reply.text.find("equal or smaller") != std::string::npos)
    hint = "the stream has newer entries already; --new-ids gives the jobs new IDs";
  throw Error(ExitCode::failure, fmt::format("Redis refuses {}: {}", doing, printable(reply.text)), hint);
}

}  // namespace raibid
