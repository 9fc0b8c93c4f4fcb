#include "components/redis/commands/smoke/operation.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/smoke/asynq_queue.hpp"
#include "components/redis/commands/smoke/cache.hpp"
#include "components/redis/commands/smoke/hashes.hpp"
#include "components/redis/commands/smoke/jobs.hpp"
#include "components/redis/commands/smoke/pods.hpp"
#include "components/redis/commands/smoke/stream.hpp"
#include "components/redis/server/server_facts.hpp"
#include "config/duration.hpp"
#include "config/settings.hpp"

namespace raibid {

namespace {

/// How much of a time to live may have passed since it was set.
constexpr Duration ttl_grace = std::chrono::seconds(5);

}  // namespace

SmokeBench::SmokeBench(Connect connect, const Preset& preset, std::string id, Runner& runner, Connect administer)
    : m_connect(std::move(connect)),
      m_administer(std::move(administer)),
      m_preset(preset),
      m_id(std::move(id)),
      m_prefix(fmt::format("{}{{{}}}:", prefix, m_id)),
      m_runner(runner),
      m_patterns({m_prefix + "*"}),
      m_redis(m_connect()) {}

SmokeClients SmokeBench::clients(int count) {
  SmokeClients all;
  for (int i = 0; i < count; ++i) all.push_back(m_connect());
  return all;
}

std::string SmokeBench::own_name(const std::string& name) const {
  return fmt::format("raibid-smoke-{}-{}", m_id, name);
}

void SmokeBench::wait(Duration duration) { m_runner.wait({}, m_runner.now() + duration); }

void SmokeBench::remove(RedisConnection& redis, const std::string& pattern) const {
  std::string cursor = "0";
  do {
    const RedisReply page = checked(redis, {"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"});
    expect(page.items.size() == 2, "SCAN answered something else than a cursor and keys");
    cursor = page.items[0].text;
    std::vector<std::string> unlink = {"UNLINK"};
    for (const RedisReply& found : page.items[1].items) unlink.push_back(found.text);
    if (unlink.size() > 1) checked(redis, unlink);
  } while (cursor != "0");
}

void SmokeBench::remove_all(RedisConnection& redis) const {
  for (const std::string& pattern : m_patterns) remove(redis, pattern);
  for (const std::vector<std::string>& command : m_last_commands) checked(redis, command);
}

RedisConnection& SmokeBench::admin() {
  if (!m_administer) return *m_redis;
  if (!m_admin) m_admin = m_administer();
  return *m_admin;
}

void SmokeBench::clean() {
  try {
    remove_all(admin());
  } catch (const Error&) {
    m_redis = m_connect();  // an operation may have left the connection in the middle of something
    m_admin.reset();
    remove_all(admin());
  }
}

const std::vector<SmokeTest>& smoke_tests() {
  static const std::vector<SmokeTest> table = {
      {"stream-queue", "jobs by XADD, XREADGROUP and XACK among competing consumers: none lost, none done twice",
       smoke_stream_queue},
      {"dead-consumer", "a dead consumer's jobs are claimed and finished by another", smoke_dead_consumer},
      {"stream-limit", "the stream's limit is kept by its producers' XADD", smoke_stream_limit},
      {"job-store", "a job is added, read by every replica, updated without losing another's update", smoke_job_store},
      {"claim-contention", "replicas that claim the same jobs at once: each job has one owner", smoke_claim_contention},
      {"ttl-hashes", "jobs and results as hashes that expire", smoke_ttl_hashes},
      {"index-sets", "sets that index jobs by status stay in step with the jobs", smoke_index_sets},
      {"asynq-queue", "Asynq's keys: enqueue, dequeue by priority, retry, archive", smoke_asynq_queue,
       "asynq:{raibid-smoke-ID-QUEUE}:* and those names in asynq:queues"},
      {"cache-ttl", "cache entries with ETag and expiry, expiry events, locks", smoke_cache_ttl},
      {"get-or-set", "a missing entry is made once, however many ask for it", smoke_get_or_set},
      {"pubsub-invalidation", "every pod hears of every change", smoke_pubsub_invalidation},
      {"fencing-locks", "one holder at a time, and a late one cannot write", smoke_fencing_locks},
      {"fallback", "a lost Redis is noticed at once, and taken up again", smoke_fallback},
  };
  return table;
}

void expect(bool holds, const std::string& what) {
  if (!holds) throw Error(ExitCode::failure, what);
}

std::string parameter(const SmokeParameters& parameters, const std::string& name, const std::string& usual) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? usual : found->second;
}

Duration time_parameter(const SmokeParameters& parameters, const std::string& name, Duration usual) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? usual : parse_duration(found->second, "smoke: " + name);
}

std::vector<std::string> list_parameter(const SmokeParameters& parameters, const std::string& name,
                                        const std::string& usual) {
  std::vector<std::string> words;
  for (const std::string& word : split(parameter(parameters, name, usual), ',')) {
    if (!trim(word).empty()) words.emplace_back(trim(word));
  }
  if (words.empty()) throw Error(ExitCode::usage, fmt::format("smoke: {} names nothing", name), "the form is: a,b,c");
  return words;
}

std::vector<RedisReply> ask_at_once(const SmokeClients& clients,
                                    const std::function<std::vector<std::string>(std::size_t)>& command) {
  for (std::size_t i = 0; i < clients.size(); ++i) clients[i]->send(command(i));
  std::vector<RedisReply> replies;
  for (const auto& client : clients) replies.push_back(client->receive());
  for (std::size_t i = 0; i < clients.size(); ++i) {
    expect(!replies[i].is_error(), fmt::format("Redis refuses {}: {}", command(i).front(), replies[i].text));
  }
  return replies;
}

RedisReply run_script(RedisConnection& redis, const std::string& script, const std::vector<std::string>& keys,
                      const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {"EVAL", script, std::to_string(keys.size())};
  command.insert(command.end(), keys.begin(), keys.end());
  command.insert(command.end(), arguments.begin(), arguments.end());
  return checked(redis, command);
}

std::string milliseconds(Duration duration) { return std::to_string(duration.count()); }

void expect_ttl(RedisConnection& redis, const std::string& key, Duration ttl) {
  const std::int64_t left = checked(redis, {"PTTL", key}).integer;
  expect(left != -2, "a key that should live on is gone: it expired too soon, or was evicted");
  expect(left != -1, "a key that should expire has no time to live");
  const bool close = left <= ttl.count() && left >= (ttl - ttl_grace).count();
  expect(close, fmt::format("a key that should live for {} s has {} s left", ttl.count() / 1000, left / 1000));
}

void expect_no_eviction(RedisConnection& admin, const std::string& what) {
  const std::optional<std::string> policy = running_policy(admin);
  if (!policy) throw NotPermitted("maxmemory-policy cannot be asked for: CONFIG and INFO are not permitted");
  expect(*policy == "noeviction",
         fmt::format("maxmemory-policy is {}: a full Redis would silently drop {}", *policy, what));
}

}  // namespace raibid
