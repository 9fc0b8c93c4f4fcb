#include "components/redis/commands/smoke/hashes.hpp"

#include <map>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/commands/smoke/operation.hpp"

// will-it-compile: job:{id} and result:{id} as hashes, job:index:status:{status} as sets, all of which expire.

namespace raibid {

namespace {

using Fields = std::map<std::string, std::string>;

constexpr Duration job_ttl = std::chrono::hours(24);
constexpr Duration short_job_ttl = std::chrono::milliseconds(100);
constexpr Duration expiry_limit = std::chrono::seconds(3);
constexpr int indexed_jobs = 20;
constexpr std::size_t large_output = 100 * 1000;

Fields job_fields(const std::string& id, const std::string& status) {
  return {{"id", id},         {"request", R"({"source_code":"int main() { return 0; }\n","language":"cpp"})"},
          {"status", status}, {"created_at", "2025-01-19T10:30:00Z"},
          {"started_at", ""}, {"completed_at", ""}};
}

Fields result_fields() {
  return {{"success", "false"},
          {"compiled", "false"},
          {"stdout", std::string(large_output, 'x')},
          {"stderr", std::string("line 1\r\nline 2 \"grün\"\0\xff", 24)},
          {"exit_code", "-1"},
          {"duration", "1234567890"}};
}

std::vector<std::string> hset(const std::string& key, const Fields& fields) {
  std::vector<std::string> command = {"HSET", key};
  for (const auto& [name, value] : fields) command.insert(command.end(), {name, value});
  return command;
}

void store(RedisConnection& redis, const std::string& key, const Fields& fields, Duration ttl) {
  checked(redis, hset(key, fields));
  expect(checked(redis, {"PEXPIRE", key, milliseconds(ttl)}).integer == 1, "a hash took no expiry");
}

Fields read(RedisConnection& redis, const std::string& key) {
  const RedisReply reply = checked(redis, {"HGETALL", key});
  Fields fields;
  for (std::size_t i = 0; i + 1 < reply.items.size(); i += 2) fields[reply.items[i].text] = reply.items[i + 1].text;
  return fields;
}

void wait_until_gone(SmokeBench& bench, const std::string& key) {
  const TimePoint until = bench.now() + expiry_limit;
  while (checked(bench.redis(), {"EXISTS", key}).integer != 0) {
    expect(bench.now() < until, "a hash outlives its time to live");
    bench.wait(std::chrono::milliseconds(20));
  }
}

/// Jobs with their status, and a set for each status.
class Index {
 public:
  Index(SmokeBench& bench, const SmokeParameters& parameters)
      : m_bench(bench),
        m_prefix(bench.key(parameter(parameters, "prefix", "job:"))),
        m_index(bench.key(parameter(parameters, "index-prefix", "job:index:status:"))),
        m_statuses(list_parameter(parameters, "statuses", "queued,processing,completed,failed")),
        m_ttl(time_parameter(parameters, "ttl", job_ttl)) {}

  const std::vector<std::string>& statuses() const { return m_statuses; }
  std::string job(int number) const { return fmt::format("{}{}", m_prefix, number); }
  std::string set(const std::string& status) const { return m_index + status; }

  /// False when another instance moved it meanwhile.
  bool move(RedisConnection& redis, int number, const std::string& from, const std::string& to) {
    checked(redis, {"WATCH", job(number)});
    return commit(redis, number, from, to);
  }

  bool commit(RedisConnection& redis, int number, const std::string& from, const std::string& to) {
    const std::string id = std::to_string(number);
    checked(redis, {"MULTI"});
    checked(redis, hset(job(number), job_fields(id, to)));
    checked(redis, {"PEXPIRE", job(number), milliseconds(m_ttl)});
    if (!from.empty()) checked(redis, {"SREM", set(from), id});
    checked(redis, {"SADD", set(to), id});
    checked(redis, {"PEXPIRE", set(to), milliseconds(m_ttl)});
    return !checked(redis, {"EXEC"}).is_nil();
  }

  std::set<std::string> members(const std::string& status) {
    std::set<std::string> found;
    for (const RedisReply& member : checked(m_bench.redis(), {"SMEMBERS", set(status)}).items)
      found.insert(member.text);
    return found;
  }

  /// Every job in the set of its status and in no other; every set with a time to live.
  void expect_in_step(std::size_t expected) {
    std::size_t listed = 0;
    for (const std::string& status : m_statuses) {
      const std::set<std::string> found = members(status);
      listed += found.size();
      for (const std::string& id : found) {
        const RedisReply actual = checked(m_bench.redis(), {"HGET", m_prefix + id, "status"});
        expect(actual.text == status,
               fmt::format("job {} is listed as {} and is {}", id, status, actual.is_nil() ? "gone" : actual.text));
      }
      if (!found.empty()) expect_ttl(m_bench.redis(), set(status), m_ttl);
    }
    expect(listed == expected, fmt::format("the sets list {} jobs instead of {}", listed, expected));
  }

  /// What an expired job leaves behind in its set, taken out as a reader does it.
  int sweep(const std::string& status) {
    int swept = 0;
    for (const std::string& id : members(status)) {
      if (checked(m_bench.redis(), {"EXISTS", m_prefix + id}).integer == 0)
        swept += static_cast<int>(checked(m_bench.redis(), {"SREM", set(status), id}).integer);
    }
    return swept;
  }

 private:
  SmokeBench& m_bench;
  std::string m_prefix, m_index;
  std::vector<std::string> m_statuses;
  Duration m_ttl;
};

// Two instances move the same job: the second must notice.
void compete(Index& index, const SmokeClients& instances, const std::string& from, const std::string& to) {
  checked(*instances[0], {"WATCH", index.job(0)});
  expect(index.move(*instances[1], 0, from, to), "a move that nobody disturbed was refused");
  expect(!index.commit(*instances[0], 0, from, from), "two instances moved the same job at once");
}

}  // namespace

std::string smoke_ttl_hashes(SmokeBench& bench, const SmokeParameters& parameters) {
  const Duration ttl = time_parameter(parameters, "ttl", job_ttl);
  const std::string job = bench.key(parameter(parameters, "prefix", "job:")) + "1";
  const std::string result = bench.key(parameter(parameters, "result-prefix", "result:")) + "1";
  const std::unique_ptr<RedisConnection> other = bench.connect();
  expect(read(*other, job).empty(), "a job that nobody stored is there");
  store(bench.redis(), job, job_fields("1", "queued"), ttl);
  store(bench.redis(), result, result_fields(), ttl);
  expect(read(*other, job) == job_fields("1", "queued"), "another instance reads another job than was stored");
  expect(read(*other, result) == result_fields(), "another instance reads another result than was stored");
  checked(bench.redis(), {"HSET", job, "status", "processing"});
  expect_ttl(*other, job, ttl);
  expect_ttl(*other, result, ttl);
  store(bench.redis(), job + "-short", job_fields("2", "completed"), short_job_ttl);
  wait_until_gone(bench, job + "-short");
  expect(read(*other, job + "-short").empty(), "an expired job can be read");
  return fmt::format("job and result read back whole, expiry in {} h, a short-lived one is gone",
                     ttl.count() / 3600000);
}

std::string smoke_index_sets(SmokeBench& bench, const SmokeParameters& parameters) {
  Index index(bench, parameters);
  const SmokeClients instances = bench.clients(2);
  const std::vector<std::string>& statuses = index.statuses();
  int moves = 0;
  for (int job = 0; job < indexed_jobs; ++job)
    expect(index.move(*instances[0], job, "", statuses.front()), "a new job was refused");
  index.expect_in_step(indexed_jobs);
  for (std::size_t to = 1; to < statuses.size(); ++to) {
    // each status keeps some of them
    for (int job = static_cast<int>(to); job < indexed_jobs; ++job, ++moves) {
      expect(index.move(*instances[static_cast<std::size_t>(job) % 2], job, statuses[to - 1], statuses[to]),
             "a move that nobody disturbed was refused");
    }
    index.expect_in_step(indexed_jobs);
  }
  if (statuses.size() > 1) compete(index, instances, statuses[0], statuses[1]);
  index.expect_in_step(indexed_jobs);
  const std::string& last = statuses.back();
  checked(bench.redis(), {"PEXPIRE", index.job(indexed_jobs - 1), "1"});
  wait_until_gone(bench, index.job(indexed_jobs - 1));
  expect(index.sweep(last) == 1, "the set of an expired job does not list it any more, or lists others that are gone");
  index.expect_in_step(indexed_jobs - 1);
  return fmt::format("{} jobs, {} moves by 2 instances: {} sets in step", indexed_jobs, moves, statuses.size());
}

}  // namespace raibid
