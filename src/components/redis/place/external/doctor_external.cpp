#include "components/redis/place/external/doctor_external.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/place/external/external_installer.hpp"
#include "components/redis/server/server_facts.hpp"

namespace raibid {

namespace {

using Words = std::vector<std::string>;

/// What setup, queue and smoke do, tried where it changes nothing: on a key that is not there. An answer like "no such
/// key" comes from a server that would do it.
std::vector<Words> needed(const std::string& key) {
  return {
      {"XADD", key, "NOMKSTREAM", "*", "raibid", "doctor"},
      {"XGROUP", "CREATE", key, "doctor", "0"},
      {"XGROUP", "DESTROY", key, "doctor"},
      {"XREADGROUP", "GROUP", "doctor", "doctor", "COUNT", "1", "STREAMS", key, ">"},
      {"XACK", key, "doctor", "0-1"},
      {"XAUTOCLAIM", key, "doctor", "doctor", "0", "0", "COUNT", "1"},
      {"XDEL", key, "0-1"},
      {"XTRIM", key, "MAXLEN", "0"},
      {"EVAL", "return 1", "0"},
      {"EXPIRE", key, "1"},
      {"DEL", key},
  };
}
std::vector<Words> needed_to_look(const std::string& key) {
  return {{"XLEN", key},
          {"XRANGE", key, "-", "+", "COUNT", "1"},
          {"XINFO", "GROUPS", key},
          {"XPENDING", key, "doctor"},
          {"TYPE", key},
          {"EXISTS", key},
          {"GET", key},
          {"SCAN", "0", "COUNT", "1"},
          {"HGETALL", key}};
}

/// What managed services forbid, and what takes its place.
struct Spare {
  Words question;
  const char* instead;
};
const std::vector<Spare>& spare() {
  static const std::vector<Spare> all = {
      {{"INFO"}, "version, role and memory are not shown"},
      {{"CONFIG", "GET", "maxmemory-policy"}, "its settings come from INFO"},
      {{"ROLE"}, "its role comes from INFO"},
      {{"ACL", "WHOAMI"}, "the user is the one of the URL"},
      {{"CLIENT", "LIST"}, "`queue add` adds by a script, at a third of the rate"},
      {{"EVAL_RO", "return 1", "0"}, "looking takes EVAL, and a dry run of `queue` cannot look"},
  };
  return all;
}

std::string name_of(const Words& question) {
  const bool two = question.front() == "XGROUP" || question.front() == "XINFO" || question.front() == "CONFIG" ||
                   question.front() == "CLIENT" || question.front() == "ACL";
  return two ? question[0] + " " + question[1] : question.front();
}

Words refused_of(RedisConnection& redis, const std::vector<Words>& questions) {
  const std::vector<RedisReply> replies = redis.pipeline(questions);
  Words refused;
  for (std::size_t at = 0; at < questions.size(); ++at) {
    if (is_refused_command(replies[at])) refused.push_back(name_of(questions[at]));
  }
  return refused;
}

void examine_rights(Context& context, RedisConnection& redis, const std::string& key, HealthReport& report) {
  std::vector<Words> questions = needed_to_look(key);
  if (!context.guard.dry_run()) {
    for (const Words& question : needed(key)) questions.push_back(question);
  }
  const Words refused = refused_of(redis, questions);
  report.data()["refused_commands"] = refused;
  report.add({"rights", refused.empty(),
              !refused.empty()          ? "this user may not: " + join(refused, ", ")
              : context.guard.dry_run() ? "this user may read streams; what writes is not tried in a dry run"
                                        : "this user may do what a queue needs",
              "give its user these commands, on the keys of the queue and on raibid:*"},
             CheckReason::forbidden);
  for (const Spare& one : spare()) {
    const Words missing = refused_of(redis, {one.question});
    if (!missing.empty())
      report.add({"without", true, fmt::format("{} is not permitted: {}", missing.front(), one.instead), "", true});
  }
}

}  // namespace

void examine_external_ground(Context& context, const RedisSettings& settings, HealthReport& report) {
  try {
    ExternalServer server(context, find_external(context, settings));
    const ExternalTarget& target = server.target();
    report.data()["address"] = target.address.text();
    const std::unique_ptr<RedisConnection> redis = server.connect(context.deadline);
    const std::string user = target.address.username.empty() ? "the default user" : "user " + target.address.username;
    report.add({"address", true, fmt::format("{} answers, from {}, {}", target.subject(), target.origin, user)});
    const ServerFacts facts = read_server_facts(*redis);
    report.add({"redis", !facts.is_replica(), facts.text(), "this is a replica: use the address of its master"},
               CheckReason::is_replica);
    const std::string stream = settings.streams.empty() ? "raibid:jobs" : settings.streams.front().name;
    if (facts.cluster_mode) {
      const auto bare = std::find_if(settings.streams.begin(), settings.streams.end(),
                                     [](const StreamSpec& one) { return !has_hash_tag(one.name); });
      const bool fits = bare == settings.streams.end();
      report.add({"cluster mode", fits,
                  fits ? "the streams have hash tags" : fmt::format("stream {} has no hash tag", bare->name),
                  fits ? ""
                       : "in cluster mode the keys of a queue have to lie in one slot: " +
                             context.scope().command("setup redis", "--stream " + shell_quote("{" + bare->name + "}"))},
                 CheckReason::changed);
    }
    if (!settings.streams.empty())
      report.add({"eviction", !facts.policy.starts_with("allkeys-"),
                  facts.policy.empty() ? "its maxmemory-policy is not known" : "maxmemory-policy " + facts.policy,
                  "a full Redis would drop the queue: set noeviction where it runs", facts.policy.empty()},
                 CheckReason::evicts);
    examine_rights(context, *redis, stream + ":doctor", report);
  } catch (const Error& error) {
    if (error.code() == ExitCode::usage) throw;
    report.add({"address", false, error.message(), error.hint()}, CheckReason::unreachable);
  }
}

}  // namespace raibid
