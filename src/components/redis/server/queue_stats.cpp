#include "components/redis/server/queue_stats.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/server/queue_keys.hpp"
#include "components/redis/server/script.hpp"
#include "components/redis/server/stream_entry.hpp"
#include "ui/text.hpp"

namespace raibid {

namespace {

constexpr std::int64_t most_counted = 10000;
constexpr std::int64_t recent_ms = 60LL * 60 * 1000;
/// Streams that one pipeline asks for: their answers are in memory at once.
constexpr std::size_t streams_at_once = 5000;

std::optional<std::int64_t> known(const RedisReply& reply) {
  return reply.integer < 0 ? std::nullopt : std::optional(reply.integer);
}

GroupFacts group_of(const RedisReply& reply) {
  const std::vector<RedisReply>& part = reply.items;
  GroupFacts group;
  group.name = part.at(0).text;
  group.pending = part.at(1).integer;
  group.last_delivered = part.at(2).text;
  group.lag = known(part.at(4));
  group.counted = part.at(5).integer;
  group.counted_more = part.at(6).integer != 0;
  const std::vector<RedisReply>& oldest = part.at(7).items;
  if (oldest.size() == 4)
    group.oldest = OldestPending{oldest[0].text, oldest[1].text, Duration(oldest[2].integer), oldest[3].integer};
  for (const RedisReply& consumer : part.at(8).items) {
    group.consumers.push_back(
        {consumer.items.at(0).text, consumer.items.at(1).integer, Duration(consumer.items.at(2).integer)});
  }
  return group;
}

QueueFacts facts_of(const std::string& stream, const RedisReply& reply) {
  expect_no_error(reply, "the state of " + printable(stream));
  const std::vector<RedisReply>& part = reply.items;
  QueueFacts facts;
  facts.stream = stream;
  facts.kind = part.at(0).text;
  facts.length = part.at(1).integer;
  facts.added = known(part.at(2));
  facts.last_id = part.at(3).text;
  facts.first_id = part.at(4).text;
  for (const RedisReply& group : part.at(5).items) facts.groups.push_back(group_of(group));
  facts.dead = part.at(6).integer;
  facts.dead_recent = part.at(7).integer;
  facts.dead_recent_more = part.at(8).integer != 0;
  facts.paused = part.at(9).text;
  return facts;
}

}  // namespace

std::vector<QueueFacts> read_queue_facts(RedisConnection& redis, const std::vector<std::string>& streams,
                                         std::int64_t now_ms) {
  const Script script = queue_script("stats");
  const std::string since =
      StreamId{static_cast<std::uint64_t>(std::max<std::int64_t>(0, now_ms - recent_ms)), 0}.text();
  std::vector<QueueFacts> all;
  for (std::size_t at = 0; at < streams.size(); at += streams_at_once) {
    const std::size_t end = std::min(streams.size(), at + streams_at_once);
    std::vector<ScriptCall> calls;
    for (std::size_t i = at; i < end; ++i) {
      calls.push_back(
          {{streams[i], dead_letters_key(streams[i]), pause_key(streams[i])}, {std::to_string(most_counted), since}});
    }
    const std::vector<RedisReply> replies = run_reading_script(redis, script, calls);
    for (std::size_t i = at; i < end; ++i) all.push_back(facts_of(streams[i], replies.at(i - at)));
  }
  return all;
}

Duration age_of(const std::string& id, std::int64_t now_ms) {
  const std::optional<StreamId> parsed = parse_stream_id(id);
  if (!parsed || parsed->ms > static_cast<std::uint64_t>(now_ms)) return Duration(0);
  return Duration(now_ms - static_cast<std::int64_t>(parsed->ms));
}

namespace {

std::vector<std::string> passed_by_asynq(const std::string& name, const AsynqFacts& facts, const QueueLimits& limits) {
  std::vector<std::string> passed;
  if (limits.lag && facts.pending > *limits.lag)
    passed.push_back(
        fmt::format("{}: {} pending, more than {}", name, counted(facts.pending, "task is", "tasks are"), *limits.lag));
  if (limits.pending_age && facts.oldest_pending && *facts.oldest_pending > *limits.pending_age) {
    passed.push_back(fmt::format("{}: the oldest pending task has been waiting for {}, longer than {}", name,
                                 format_elapsed(*facts.oldest_pending), format_elapsed(*limits.pending_age)));
  }
  if (limits.dead && facts.archived > *limits.dead)
    passed.push_back(fmt::format("{}: {}, more than {}", name,
                                 counted(facts.archived, "archived task", "archived tasks"), *limits.dead));
  return passed;
}

}  // namespace

std::vector<std::string> passed_limits(const QueueFacts& facts, const QueueLimits& limits, std::int64_t now_ms) {
  if (facts.asynq) return passed_by_asynq(facts.stream, *facts.asynq, limits);
  std::vector<std::string> passed;
  for (const GroupFacts& group : facts.groups) {
    const std::string who = fmt::format("{}, group {}", facts.stream, group.name);
    if (limits.lag && group.waiting() > *limits.lag) {
      passed.push_back(fmt::format("{}: {}{} jobs are waiting, more than {}", who,
                                   !group.lag && group.counted_more ? "at least " : "", group.waiting(), *limits.lag));
    }
    if (limits.pending_age && group.oldest) {
      const Duration age = age_of(group.oldest->id, now_ms);
      if (age > *limits.pending_age) {
        passed.push_back(fmt::format("{}: job {} was added {} ago and is pending with {}, longer than {}", who,
                                     group.oldest->id, format_elapsed(age), group.oldest->consumer,
                                     format_elapsed(*limits.pending_age)));
      }
    }
  }
  if (limits.dead && facts.dead > *limits.dead)
    passed.push_back(fmt::format("{}: {} dead letters, more than {}", facts.stream, facts.dead, *limits.dead));
  return passed;
}

}  // namespace raibid
