#include "components/redis/server/health.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/redis/server/queue_stats.hpp"
#include "components/redis/server/running_acl.hpp"
#include "components/redis/server/running_config.hpp"
#include "components/redis/server/script.hpp"
#include "config/yaml.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;
using Info = std::map<std::string, std::string>;

// counting what a group has not been given yet stops here: status must stay cheap on a long stream
constexpr std::int64_t undelivered_cap = 1000;

std::string field(const Info& info, const std::string& name) {
  const auto found = info.find(name);
  return found == info.end() ? "" : found->second;
}

std::int64_t number(const std::string& text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// What this Redis may not be asked.
Check not_told(const std::string& name, const std::string& text) { return {name, true, text, "", true}; }

void examine_server(const Info& info, const Expectation& expected, HealthReport& report) {
  ordered_json& redis = report.data()["redis"];
  const std::string version =
      info.count("valkey_version") ? "valkey " + field(info, "valkey_version") : field(info, "redis_version");
  const std::string role = field(info, "role");
  redis["version"] = version;
  redis["role"] = role;
  redis["uptime_seconds"] = number(field(info, "uptime_in_seconds"));
  if (expected.foreign && role.empty()) {
    report.add({"redis", true,
                fmt::format("PONG · {} · its role is not told", version.empty() ? "version not told" : version)});
    return;
  }
  report.add({"redis", role == "master",
              fmt::format("PONG · {} · {} · up {} s", version, role, field(info, "uptime_in_seconds")),
              expected.foreign ? "this Redis is a replica and takes no writes: use the address of its master"
                               : "this Redis is a replica and takes no writes: REPLICAOF NO ONE makes it a master"});
}

void examine_persistence(RedisConnection& redis, const Info& info, const Expectation& expected, HealthReport& report) {
  ordered_json& data = report.data()["redis"];
  const RedisReply reply = redis.command({"CONFIG", "GET", "append*"});
  const RedisReply* appendonly = reply.field("appendonly");
  const RedisReply* appendfsync = reply.field("appendfsync");
  const std::string enabled = field(info, "aof_enabled");
  const std::string only = appendonly ? appendonly->text : enabled == "1" ? "yes" : enabled == "0" ? "no" : "unknown";
  const std::string fsync = appendfsync ? appendfsync->text : "unknown";
  const std::string written = field(info, "aof_last_write_status");
  data["appendonly"] = only;
  data["appendfsync"] = fsync;
  data["aof_last_write_status"] = written;
  data["aof_last_bgrewrite_status"] = field(info, "aof_last_bgrewrite_status");
  data["rdb_last_bgsave_status"] = field(info, "rdb_last_bgsave_status");
  if (expected.foreign && only == "unknown") {
    report.add(not_told("persistence", "it does not tell whether it writes to disk"));
    return;
  }
  std::vector<Difference> differences;
  if (!expected.foreign) differences = config_differences(redis, expected.directives);
  std::vector<std::string> wrong;
  for (const Difference& difference : differences) {
    wrong.push_back(fmt::format("{} is {} instead of {}", difference.name, difference.running, difference.wanted));
  }
  const std::string rewritten = field(info, "aof_last_bgrewrite_status");
  const bool rewrites = rewritten.empty() || rewritten == "ok";
  report.add({"persistence", only != "yes" || (written == "ok" && rewrites),
              only == "yes" ? fmt::format("AOF {}, last write {}{}", fsync == "unknown" ? "on" : fsync, written,
                                          rewrites ? "" : ", last rewrite " + rewritten)
                            : "no AOF: what is not in a snapshot is lost by a restart",
              "look for a full volume or too little memory: without a rewrite the AOF only grows, and when a write "
              "fails Redis "
              "refuses all others (MISCONF)"});
  if (expected.foreign) return;
  report.add({"settings", wrong.empty(), wrong.empty() ? "match the configuration" : join(wrong, "; "),
              "setup sets them right: " + report.scope().command("setup redis")});
}

/// Of a rotation that is under way: "; two passwords of default hold".
std::string two_passwords(const Secret& file) {
  std::vector<std::string> users;
  for (const std::string& line : split(file.reveal(), '\n')) {
    const std::vector<std::string> words = split(line, ' ');
    const auto hashes =
        std::count_if(words.begin(), words.end(), [](const auto& word) { return word.starts_with('#'); });
    if (hashes > 1) users.push_back(printable(words.at(1)));
  }
  return users.empty() ? ""
                       : fmt::format("; two passwords of {} hold (credentials rotate --finish)", join(users, ", "));
}

void examine_acl(RedisConnection& redis, const Secret& file, HealthReport& report) {
  if (file.empty()) return;
  const std::vector<AclDifference> differences = acl_differences(redis, file);
  if (differences.empty()) report.add({"acl", true, "the users are those of users.acl" + two_passwords(file)});
  for (const AclDifference& one : differences) {
    report.add({"acl", false, one.text,
                one.unknown ? "users.acl does not have it, so the next start removes it; to remove it now: " +
                                  report.scope().command("connect redis", "--admin -- redis-cli ACL DELUSER " +
                                                                              shell_quote(printable(one.user)))
                            : "setup sets it right: " + report.scope().command("setup redis")});
  }
}

void examine_memory(const Info& info, const Expectation& expected, HealthReport& report) {
  ordered_json& data = report.data()["redis"];
  if (expected.foreign && field(info, "used_memory").empty()) {
    report.add(not_told("memory", "it does not tell how much memory it uses"));
    return;
  }
  const std::int64_t used = number(field(info, "used_memory"));
  const std::int64_t limit = number(field(info, "maxmemory"));
  const std::string policy = field(info, "maxmemory_policy");
  data["used_memory_bytes"] = used;
  data["maxmemory_bytes"] = limit;
  data["maxmemory_policy"] = policy;
  data["evicted_keys"] = number(field(info, "evicted_keys"));
  report.add({"memory", limit == 0 || used < limit,
              limit == 0 ? fmt::format("{}, no maxmemory", format_bytes(used))
                         : fmt::format("{} of {}, {}", format_bytes(used), format_bytes(limit), policy),
              expected.foreign ? "memory is full: give it more where it runs, or let the workers catch up"
                               : "memory is full: give more with --memory-limit, or let the workers catch up"});
  const bool queue = expected.foreign && !expected.streams.empty();
  if (queue && policy.starts_with("allkeys-"))
    report.add({"eviction", false, fmt::format("maxmemory-policy {}: when memory is full, queues vanish", policy),
                "set noeviction where it runs, or use a Redis of its own for the queue"});
}

// XINFO's lag is nil when Redis cannot know it (an undelivered entry was deleted): then they are counted.
ordered_json group_lag(RedisConnection& redis, const std::string& stream, const RedisReply& group) {
  const RedisReply* lag = group.field("lag");
  if (lag && lag->type == RedisReply::Type::integer) return lag->integer;
  const RedisReply* last = group.field("last-delivered-id");
  if (!last) return nullptr;
  // counted by the server: the payloads stay there
  const RedisReply rest = eval_reading(redis, "return #redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])",
                                       {stream}, {"(" + last->text, std::to_string(undelivered_cap)});
  if (rest.type != RedisReply::Type::integer || rest.integer == undelivered_cap) return nullptr;
  return rest.integer;
}

/// How many entries the stream ever had, without the two entries that XINFO STREAM would send; 0 before Redis 7.
std::int64_t entries_added(RedisConnection& redis, const std::string& stream) {
  const RedisReply added = eval_reading(redis,
                                        "local info = redis.call('XINFO', 'STREAM', KEYS[1]) "
                                        "for i = 1, #info, 2 do if info[i] == 'entries-added' then return info[i + 1] "
                                        "end end return 0",
                                        {stream}, {});
  return added.integer;
}

/// Jobs that were dropped from the stream before the group got them. Of a group that has never been given anything
/// Redis counts what is there now as its lag.
std::int64_t dropped_unread(RedisConnection& redis, const std::string& stream, const RedisReply& group,
                            const ordered_json& lag, std::int64_t length) {
  const RedisReply* last = group.field("last-delivered-id");
  const bool never_read = last && last->text == "0-0";
  const std::int64_t unread = never_read ? entries_added(redis, stream) : lag.is_null() ? 0 : lag.get<std::int64_t>();
  return std::max<std::int64_t>(0, unread - length);
}

std::int64_t integer_field(const RedisReply& reply, const char* name) {
  const RedisReply* found = reply.field(name);
  return found ? found->integer : 0;
}

void examine_group(RedisConnection& redis, const std::string& stream, const std::string& name, const RedisReply& groups,
                   std::int64_t length, HealthReport& report, ordered_json& data) {
  const auto found = std::find_if(groups.items.begin(), groups.items.end(), [&](const RedisReply& group) {
    const RedisReply* its_name = group.field("name");
    return its_name && its_name->text == name;
  });
  if (found == groups.items.end()) {
    report.add({"group", false, fmt::format("{} of {} does not exist", name, stream),
                "setup creates it: " + report.scope().command("setup redis")});
    return;
  }
  const std::int64_t pending = integer_field(*found, "pending");
  const std::int64_t consumers = integer_field(*found, "consumers");
  const ordered_json lag = group_lag(redis, stream, *found);
  // more to come, or at work on, than the stream still holds: they were dropped (XTRIM, XADD … MAXLEN, XDEL)
  const std::int64_t unread = dropped_unread(redis, stream, *found, lag, length);
  const std::int64_t unfinished = std::max<std::int64_t>(0, pending - length);
  data.push_back({{"name", name},
                  {"pending", pending},
                  {"lag", lag},
                  {"consumers", consumers},
                  {"lost_undelivered", unread},
                  {"lost_pending", unfinished}});
  std::string text =
      fmt::format("{}: {} pending, lag {}, {}", name, pending, lag.is_null() ? "unknown" : json_text(lag),
                  counted(consumers, "consumer", "consumers"));
  if (unread > 0) text += fmt::format("; {} were dropped before any worker got them", counted(unread, "job", "jobs"));
  if (unfinished > 0)
    text += fmt::format("; {} were dropped while workers had them", counted(unfinished, "job", "jobs"));
  report.add(
      {"group", unread == 0 && unfinished == 0, text,
       "something trims the stream without looking at its groups (XADD … MAXLEN, XTRIM). This drops nothing that "
       "is still needed: " +
           report.scope().command("queue trim")});
}

void examine_stream(RedisConnection& redis, const StreamSpec& stream, HealthReport& report) {
  const RedisReply length = redis.command({"XLEN", stream.name});
  const RedisReply groups = redis.command({"XINFO", "GROUPS", stream.name});
  ordered_json data = {{"name", stream.name},
                       {"length", length.is_error() ? ordered_json() : ordered_json(length.integer)},
                       {"max_length", stream.max_length},
                       {"groups", ordered_json::array()}};
  if (length.is_error() || groups.is_error()) {
    report.add({"stream", false, fmt::format("{}: {}", stream.name, length.is_error() ? length.text : groups.text),
                "setup creates what is missing: " + report.scope().command("setup redis")});
  } else {
    const bool fits = stream.max_length == 0 ||
                      static_cast<double>(length.integer) <= overfull * static_cast<double>(stream.max_length);
    const std::string limit = stream.max_length == 0 ? "" : fmt::format(" of {}", stream.max_length);
    report.add({"stream", fits, fmt::format("{}: {}{} entries", stream.name, length.integer, limit),
                "jobs that are done stay in a stream. This drops only what no group needs any more: " +
                    report.scope().command("queue trim")});
    for (const std::string& group : stream.groups)
      examine_group(redis, stream.name, group, groups, length.integer, report, data["groups"]);
  }
  report.data()["streams"].push_back(data);
}

/// A line for each limit of the preset that is passed; nothing for streams without one.
void examine_limits(RedisConnection& redis, const std::vector<StreamSpec>& streams, HealthReport& report) {
  std::vector<std::string> names;
  std::vector<QueueLimits> limits;
  for (const StreamSpec& stream : streams) {
    if (!stream.limits.any()) continue;
    names.push_back(stream.name);
    limits.push_back(stream.limits);
  }
  report.data()["passed_limits"] = ordered_json::array();
  if (names.empty()) return;
  const std::vector<RedisReply> time = checked(redis, {"TIME"}).items;
  const std::int64_t now_ms = number(time.at(0).text) * 1000 + number(time.at(1).text) / 1000;
  const std::vector<QueueFacts> facts = read_queue_facts(redis, names, now_ms);
  for (std::size_t at = 0; at < facts.size(); ++at) {
    const std::vector<std::string> passed = passed_limits(facts[at], limits[at], now_ms);
    for (const std::string& line : passed) {
      report.data()["passed_limits"].push_back(line);
      report.add({"limits", false, line, "see who is stuck: " + report.scope().command("queue stats")});
    }
    if (passed.empty()) report.add({"limits", true, facts[at].stream + " keeps the limits of its preset"});
  }
}

}  // namespace

HealthReport::HealthReport() : m_data(std::make_unique<ordered_json>(ordered_json::object())) {}
HealthReport::~HealthReport() = default;
HealthReport::HealthReport(HealthReport&&) noexcept = default;

bool HealthReport::healthy() const {
  return std::all_of(m_checks.begin(), m_checks.end(),
                     [](const Check& check) { return check.passed || check.unknown; });
}

void examine_redis(RedisConnection& redis, const Expectation& expected, HealthReport& report) {
  ordered_json& data = report.data();
  const RedisReply pong = redis.command({"PING"});
  data["redis"] = {{"pong", pong.text == "PONG"}};
  data["streams"] = ordered_json::array();
  if (pong.text != "PONG") {
    report.add({"redis", false, pong.text,
                pong.error_code() == "LOADING" ? "it is loading its data: ask again in a while" : ""});
    return;
  }
  const RedisReply all = redis.command({"INFO"});
  const Info info = all.is_error() ? Info{} : parse_info(all.text);
  examine_server(info, expected, report);
  examine_persistence(redis, info, expected, report);
  examine_memory(info, expected, report);
  examine_acl(redis, expected.acl, report);
  for (const StreamSpec& stream : expected.streams) examine_stream(redis, stream, report);
  examine_limits(redis, expected.streams, report);
}

ordered_json report_data(HealthReport& report) {
  ordered_json data = {{"healthy", report.healthy()}};
  data.update(report.data());
  data["checks"] = ordered_json::array();
  for (const Check& check : report.checks()) {
    data["checks"].push_back({{"name", check.name},
                              {"passed", check.unknown ? ordered_json() : ordered_json(check.passed)},
                              {"text", check.text},
                              {"hint", check.passed || check.unknown ? ordered_json() : ordered_json(check.hint)}});
  }
  return data;
}

CommandResult render_report(const Context& context, const std::string& title, HealthReport& report) {
  const int code = static_cast<int>(report.healthy() ? ExitCode::ok : ExitCode::failure);
  if (context.format() == OutputFormat::table) {
    std::string text = fmt::format("{}: {}\n", title, report.healthy() ? "healthy" : "not healthy");
    for (const Check& check : report.checks()) {
      const char* const mark = check.unknown ? "–" : check.passed ? "✓" : "✗";
      text += fmt::format("  {} {:<12} {}\n", mark, check.name, printable(check.text));
      if (!check.passed && !check.unknown && !check.hint.empty())
        text += fmt::format("    {:<12} → {}\n", "", check.hint);
    }
    return {text, code};
  }
  const ordered_json data = report_data(report);
  return {context.format() == OutputFormat::yaml ? to_yaml(data) : json_text(data, 2) + "\n", code};
}

}  // namespace raibid
