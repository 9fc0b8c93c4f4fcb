#include "components/redis/commands/smoke/stream.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/commands/smoke/operation.hpp"

namespace raibid {

namespace {

constexpr int jobs = 200;
constexpr int consumers = 4;
constexpr std::int64_t usual_limit = 10000;
constexpr int batch = 500;

const char* const group = "workers";

void create_group(SmokeBench& bench, const std::string& stream) {
  checked(bench.redis(), {"XGROUP", "CREATE", stream, group, "0", "MKSTREAM"});
}

void publish(SmokeBench& bench, const std::string& stream, int count) {
  std::vector<std::vector<std::string>> commands;
  for (int job = 0; job < count; ++job) {
    commands.push_back({"XADD", stream, "*", "job_id", std::to_string(job), "job_type", "smoke", "payload", "{}"});
  }
  for (const RedisReply& reply : bench.redis().pipeline(commands)) expect(!reply.is_error(), "XADD: " + reply.text);
}

struct Job {
  std::string entry;
  std::string id;
};

// Entries as XREADGROUP and XAUTOCLAIM give them: [[id, [field, value, …]], …]
std::vector<Job> read_jobs(const RedisReply& entries) {
  std::vector<Job> found;
  for (const RedisReply& entry : entries.items) {
    if (entry.items.size() != 2) continue;  // deleted meanwhile
    const RedisReply* id = entry.items[1].field("job_id");
    expect(id != nullptr, "a job came back without its job_id");
    found.push_back({entry.items[0].text, id->text});
  }
  return found;
}

std::vector<std::string> take_command(const std::string& stream, const std::string& consumer, int count) {
  return {"XREADGROUP", "GROUP", group, consumer, "COUNT", std::to_string(count), "STREAMS", stream, ">"};
}

std::vector<Job> taken_jobs(const RedisReply& reply) {
  if (reply.is_nil() || reply.items.empty()) return {};
  return read_jobs(reply.items[0].items.at(1));
}

void acknowledge(RedisConnection& redis, const std::string& stream, const Job& job) {
  expect(checked(redis, {"XACK", stream, group, job.entry}).integer == 1,
         "XACK of job " + job.id + " acknowledged nothing");
}

std::int64_t pending(SmokeBench& bench, const std::string& stream) {
  return checked(bench.redis(), {"XPENDING", stream, group}).items.at(0).integer;
}

// The application's own streams are only looked at: who publishes to them may be at work.
void expect_groups(SmokeBench& bench) {
  for (const StreamSpec& stream : bench.preset().streams) {
    std::vector<std::string> there;
    for (const RedisReply& info : checked(bench.redis(), {"XINFO", "GROUPS", stream.name}).items) {
      if (const RedisReply* name = info.field("name")) there.push_back(name->text);
    }
    for (const std::string& wanted : stream.groups) {
      const bool found = std::find(there.begin(), there.end(), wanted) != there.end();
      expect(found, fmt::format("stream {} has no group {}: its workers would get nothing", stream.name, wanted));
    }
  }
}

}  // namespace

std::string smoke_stream_queue(SmokeBench& bench, const SmokeParameters&) {
  expect_groups(bench);
  const std::string stream = bench.key("jobs");
  create_group(bench, stream);
  publish(bench, stream, jobs);
  const SmokeClients workers = bench.clients(consumers);
  std::map<std::string, int> done;
  for (bool more = true; more;) {
    more = false;
    // at once, and with different appetites
    const std::vector<RedisReply> replies = ask_at_once(workers, [&](std::size_t i) {
      return take_command(stream, fmt::format("consumer-{}", i), static_cast<int>(i) + 1);
    });
    for (std::size_t i = 0; i < workers.size(); ++i) {
      for (const Job& job : taken_jobs(replies[i])) {
        acknowledge(*workers[i], stream, job);
        ++done[job.id];
        more = true;
      }
    }
  }
  expect(done.size() == static_cast<std::size_t>(jobs), fmt::format("{} of {} jobs were delivered", done.size(), jobs));
  for (const auto& [job, times] : done) expect(times == 1, fmt::format("job {} was delivered {} times", job, times));
  expect(pending(bench, stream) == 0, "jobs are pending although all were acknowledged");
  return fmt::format("{} jobs, {} consumers: none lost, none done twice", jobs, consumers);
}

std::string smoke_dead_consumer(SmokeBench& bench, const SmokeParameters&) {
  constexpr int taken = 5;
  const std::string stream = bench.key("abandoned");
  create_group(bench, stream);
  publish(bench, stream, taken);
  {
    const std::unique_ptr<RedisConnection> dying = bench.connect();
    expect(taken_jobs(checked(*dying, take_command(stream, "dying", taken))).size() == static_cast<std::size_t>(taken),
           "not every job was delivered");
  }  // its connection is gone, its jobs are pending
  const RedisReply alive =
      checked(bench.redis(), {"XAUTOCLAIM", stream, group, "heir", "3600000", "0", "COUNT", "100"});
  expect(alive.items.at(1).items.empty(), "the jobs of a consumer that may still be at work could be claimed");
  const RedisReply claimed = checked(bench.redis(), {"XAUTOCLAIM", stream, group, "heir", "0", "0", "COUNT", "100"});
  const std::vector<Job> jobs_of_the_dead = read_jobs(claimed.items.at(1));
  expect(jobs_of_the_dead.size() == static_cast<std::size_t>(taken),
         fmt::format("{} of {} jobs could be claimed", jobs_of_the_dead.size(), taken));
  for (const Job& job : jobs_of_the_dead) acknowledge(bench.redis(), stream, job);
  expect(pending(bench, stream) == 0, "claimed jobs stayed pending");
  return fmt::format("{} jobs of a dead consumer claimed and finished", taken);
}

std::string smoke_stream_limit(SmokeBench& bench, const SmokeParameters&) {
  const std::int64_t limit = bench.preset().streams.empty() || bench.preset().streams.front().max_length == 0
                                 ? usual_limit
                                 : bench.preset().streams.front().max_length;
  const std::string stream = bench.key("limited");
  const std::int64_t more = limit + limit / 20 + 1;
  for (std::int64_t written = 0; written < more; written += batch) {
    std::vector<std::vector<std::string>> commands;
    for (std::int64_t i = written; i < std::min(more, written + batch); ++i) {
      commands.push_back({"XADD", stream, "MAXLEN", std::to_string(limit), "*", "job_id", std::to_string(i)});
    }
    for (const RedisReply& reply : bench.redis().pipeline(commands)) expect(!reply.is_error(), "XADD: " + reply.text);
  }
  const std::int64_t length = checked(bench.redis(), {"XLEN", stream}).integer;
  expect(length == limit, fmt::format("the stream holds {} entries instead of {}", length, limit));
  return fmt::format("{} entries written, the newest {} kept", more, length);
}

}  // namespace raibid
