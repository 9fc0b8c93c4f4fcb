#include "components/redis/server/redis_facts.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/strings.hpp"
#include "components/redis/server/group_lag.hpp"
#include "components/redis/server/queue_stats.hpp"
#include "components/redis/server/script.hpp"

namespace raibid {

namespace {

using Info = std::map<std::string, std::string>;

std::string info_field(const Info& info, const std::string& name) {
  const auto found = info.find(name);
  return found == info.end() ? "" : found->second;
}

std::int64_t whole_number(const std::string& text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

RedisFacts::Server server_of(const Info& info) {
  return {
      info.count("valkey_version") ? "valkey " + info_field(info, "valkey_version") : info_field(info, "redis_version"),
      info_field(info, "role"), whole_number(info_field(info, "uptime_in_seconds"))};
}

RedisFacts::Persistence read_persistence(RedisConnection& redis, const Info& info, const RedisReply& config,
                                         const Expectation& expected) {
  const RedisReply* const appendonly = config.field("appendonly");
  const RedisReply* const appendfsync = config.field("appendfsync");
  const std::string enabled = info_field(info, "aof_enabled");
  RedisFacts::Persistence facts;
  facts.appendonly = appendonly ? appendonly->text : enabled == "1" ? "yes" : enabled == "0" ? "no" : "unknown";
  facts.appendfsync = appendfsync ? appendfsync->text : "unknown";
  facts.last_write = info_field(info, "aof_last_write_status");
  facts.last_rewrite = info_field(info, "aof_last_bgrewrite_status");
  facts.last_snapshot = info_field(info, "rdb_last_bgsave_status");
  if (!expected.foreign) facts.differences = config_differences(redis, expected.directives);
  return facts;
}

std::optional<RedisFacts::Memory> memory_of_info(const Info& info, bool foreign) {
  if (foreign && info_field(info, "used_memory").empty()) return std::nullopt;
  return RedisFacts::Memory{whole_number(info_field(info, "used_memory")), whole_number(info_field(info, "maxmemory")),
                            info_field(info, "maxmemory_policy"), whole_number(info_field(info, "evicted_keys")),
                            whole_number(info_field(info, "used_memory_peak"))};
}

/// The names of commands alone: their arguments may be jobs.
std::optional<RedisFacts::SlowLog> slow_log_of(const RedisReply& reply, const Info& info) {
  if (reply.type != RedisReply::Type::array) return std::nullopt;
  RedisFacts::SlowLog log;
  log.entries = static_cast<std::int64_t>(reply.items.size());
  log.now = whole_number(info_field(info, "server_time_usec")) / 1'000'000;
  for (const RedisReply& entry : reply.items) {
    if (entry.items.size() < 4 || entry.items[3].items.empty() || entry.items[2].integer < log.microseconds) continue;
    log.microseconds = entry.items[2].integer;
    log.at = entry.items[1].integer;
    log.command = entry.items[3].items.front().text;
  }
  return log;
}

std::vector<std::string> users_with_two_passwords(const Secret& file) {
  std::vector<std::string> users;
  for (const std::string& line : split(file.reveal(), '\n')) {
    const std::vector<std::string> words = split(line, ' ');
    const auto hashes =
        std::count_if(words.begin(), words.end(), [](const auto& word) { return word.starts_with('#'); });
    if (hashes > 1) users.push_back(printable(words.at(1)));
  }
  return users;
}

// XINFO's lag is nil when Redis does not know it (see GroupLag): then they are counted.
std::optional<std::int64_t> group_lag(RedisConnection& redis, const std::string& stream, const std::string& name,
                                      const RedisReply& group, bool& lost) {
  const RedisReply* lag = group.field("lag");
  if (lag && lag->type == RedisReply::Type::integer) return lag->integer;
  if (group.field("last-delivered-id") == nullptr) return std::nullopt;
  // counted by the server: the payloads stay there
  const GroupLag seen = look_at_group_lag(redis, stream, name);
  lost = seen.is_lost();
  return seen.more || !seen.counts() ? std::nullopt : std::optional(seen.waiting);
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
                            std::optional<std::int64_t> lag, std::int64_t length) {
  const RedisReply* last = group.field("last-delivered-id");
  const bool never_read = last && last->text == "0-0";
  const std::int64_t unread = never_read ? entries_added(redis, stream) : lag.value_or(0);
  return std::max<std::int64_t>(0, unread - length);
}

std::int64_t integer_field(const RedisReply& reply, const char* name) {
  const RedisReply* found = reply.field(name);
  return found ? found->integer : 0;
}

RedisFacts::Group read_group(RedisConnection& redis, const std::string& stream, const std::string& name,
                             const RedisReply& groups, std::int64_t length) {
  RedisFacts::Group facts;
  facts.name = name;
  const auto found = std::find_if(groups.items.begin(), groups.items.end(), [&](const RedisReply& group) {
    const RedisReply* its_name = group.field("name");
    return its_name && its_name->text == name;
  });
  if (found == groups.items.end()) return facts;
  facts.exists = true;
  facts.pending = integer_field(*found, "pending");
  facts.consumers = integer_field(*found, "consumers");
  facts.lag = group_lag(redis, stream, name, *found, facts.lag_lost);
  // more to come, or at work on, than the stream still holds: they were dropped (XTRIM, XADD … MAXLEN, XDEL)
  facts.lost_undelivered = dropped_unread(redis, stream, *found, facts.lag, length);
  facts.lost_pending = std::max<std::int64_t>(0, facts.pending - length);
  return facts;
}

RedisFacts::Stream read_stream(RedisConnection& redis, const StreamSpec& stream, const RedisReply& length,
                               const RedisReply& groups) {
  RedisFacts::Stream facts;
  facts.name = stream.name;
  facts.max_length = stream.max_length;
  if (!length.is_error()) facts.length = length.integer;
  if (length.is_error() || groups.is_error()) {
    facts.error = length.is_error() ? length.text : groups.text;
    return facts;
  }
  for (const std::string& group : stream.groups)
    facts.groups.push_back(read_group(redis, stream.name, group, groups, length.integer));
  return facts;
}

std::vector<RedisFacts::Limits> read_limits(RedisConnection& redis, const std::vector<StreamSpec>& streams) {
  std::vector<std::string> names;
  std::vector<QueueLimits> limits;
  for (const StreamSpec& stream : streams) {
    if (!stream.limits.any()) continue;
    names.push_back(stream.name);
    limits.push_back(stream.limits);
  }
  std::vector<RedisFacts::Limits> facts;
  if (names.empty()) return facts;
  const std::vector<RedisReply> time = checked(redis, {"TIME"}).items;
  const std::int64_t now_ms = whole_number(time.at(0).text) * 1000 + whole_number(time.at(1).text) / 1000;
  const std::vector<QueueFacts> queues = read_queue_facts(redis, names, now_ms);
  for (std::size_t at = 0; at < queues.size(); ++at)
    facts.push_back({queues[at].stream, passed_limits(queues[at], limits[at], now_ms)});
  return facts;
}

}  // namespace

void read_redis_facts(RedisConnection& redis, const Expectation& expected, RedisFacts& facts) {
  facts.foreign = expected.foreign;
  facts.has_streams = !expected.streams.empty();
  std::vector<std::vector<std::string>> questions = {{"PING"}, {"INFO"}, {"CONFIG", "GET", "append*"}};
  for (const StreamSpec& stream : expected.streams) {
    questions.push_back({"XLEN", stream.name});
    questions.push_back({"XINFO", "GROUPS", stream.name});
  }
  questions.push_back({"SLOWLOG", "GET", "128"});
  questions.push_back({"CONFIG", "GET", "dir"});
  const std::vector<RedisReply> answers = redis.pipeline(questions);  // one way there and back
  const RedisReply& pong = answers[0];
  facts.asked = true;
  facts.pong = pong.text == "PONG";
  if (!facts.pong) {
    facts.instead_of_pong = pong.text;
    facts.code_instead_of_pong = pong.error_code();
    return;
  }
  const RedisReply& all = answers[1];
  const Info info = all.is_error() ? Info{} : parse_info(all.text);
  facts.server = server_of(info);
  facts.persistence = read_persistence(redis, info, answers[2], expected);
  facts.memory = memory_of_info(info, expected.foreign);
  facts.slow_log = slow_log_of(answers[answers.size() - 2], info);
  if (const RedisReply* const folder = answers.back().field("dir")) facts.folder = folder->text;
  if (!expected.acl.empty())
    facts.acl = RedisFacts::Acl{acl_differences(redis, expected.acl), users_with_two_passwords(expected.acl)};
  for (std::size_t i = 0; i < expected.streams.size(); ++i)
    facts.streams.push_back(read_stream(redis, expected.streams[i], answers[3 + 2 * i], answers[4 + 2 * i]));
  facts.limits = read_limits(redis, expected.streams);
}

}  // namespace raibid
