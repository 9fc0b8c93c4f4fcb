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

namespace {

/// A Redis before 7, or one that has no EVAL_RO: the same by EVAL, which a dry run cannot send.
bool needs_writing_call(RedisConnection& redis, const RedisReply& reply) {
  if (!is_refused_command(reply)) return false;
  if (!redis.reads_only()) return true;
  throw Error(ExitCode::failure,
              fmt::format("this Redis has no scripts that only read (EVAL_RO: {}), so a dry run cannot look",
                          printable(reply.text)),
              "it needs Redis 7 and a user with the right to EVAL_RO and EVALSHA_RO");
}

}  // namespace

RedisReply eval_reading(RedisConnection& redis, const std::string& text, const std::vector<std::string>& keys,
                        const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {"EVAL_RO", text, std::to_string(keys.size())};
  command.insert(command.end(), keys.begin(), keys.end());
  command.insert(command.end(), arguments.begin(), arguments.end());
  RedisReply reply = redis.command(command);
  if (is_refused_command(reply) && !redis.reads_only()) {
    command[0] = "EVAL";
    reply = redis.command(command);
  }
  return reply;
}

std::vector<RedisReply> run_reading_script(RedisConnection& redis, const Script& script,
                                           const std::vector<ScriptCall>& calls) {
  if (calls.empty()) return {};
  std::vector<std::vector<std::string>> commands = {{"SCRIPT", "LOAD", script.text}};
  for (const ScriptCall& call : calls)
    commands.push_back(script_call(script, call.keys, call.arguments, ScriptUse::reads));
  std::vector<RedisReply> replies = redis.pipeline(commands);
  const bool is_kept = !replies.at(0).is_error();
  const bool in_other_way = needs_writing_call(redis, replies.at(1));
  if (in_other_way || replies.at(1).error_code() == "NOSCRIPT") {
    for (std::vector<std::string>& command : commands) {
      command[0] = std::string(is_kept ? "EVALSHA" : "EVAL") + (in_other_way ? "" : "_RO");
      if (!is_kept) command[1] = script.text;
    }
    replies = redis.pipeline({commands.begin() + 1, commands.end()});
  } else {
    replies.erase(replies.begin());
  }
  return replies;
}

void load_script(RedisConnection& redis, const Script& script) {
  expect_no_error(redis.command({"SCRIPT", "LOAD", script.text}), "loading a script");
}

RedisReply run_script(RedisConnection& redis, const Script& script, const std::vector<std::string>& keys,
                      const std::vector<std::string>& arguments, ScriptUse use) {
  std::vector<std::string> command = script_call(script, keys, arguments, use);
  RedisReply reply = redis.command(command);
  const bool in_other_way = use == ScriptUse::reads && needs_writing_call(redis, reply);
  if (in_other_way || reply.error_code() == "NOSCRIPT") {
    command[0] = use == ScriptUse::reads && !in_other_way ? "EVAL_RO" : "EVAL";
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
  if (code == "CROSSSLOT")
    hint =
        "this Redis is in cluster mode, where the keys of a queue have to lie in one slot: give the stream a name with "
        "a "
        "hash tag, for instance {raibid:jobs}";
  if (code == "MOVED" || code == "ASK")
    hint = "this Redis is one node of a cluster, and the key is on another: use an endpoint that leads to all of them";
  if (code == "NOPERM") hint = "its user needs the right to do that";
  if (code == "NOGROUP") hint = "the stream or its group is gone; setup creates both again";
  if (reply.text.find("equal or smaller") != std::string::npos)
    hint = "the stream has newer entries already; --new-ids gives the jobs new IDs";
  throw Error(ExitCode::failure, fmt::format("Redis refuses {}: {}", doing, printable(reply.text)), hint);
}

}  // namespace raibid
