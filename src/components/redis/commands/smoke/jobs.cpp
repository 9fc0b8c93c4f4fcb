#include "components/redis/commands/smoke/jobs.hpp"

#include <array>
#include <string_view>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/commands/smoke/operation.hpp"

// mxclone: the status of its jobs, one JSON document a job under a prefix, without expiry, shared by all replicas.

namespace raibid {

namespace {

constexpr int replicas = 4;
constexpr int hops = 20;
constexpr int claimants = 8;
constexpr int contended_jobs = 50;
constexpr const char* usual_prefix = "traceroutejob:";

std::string job_json(const std::string& id, const std::string& status, int reached) {
  return fmt::format(R"({{"jobId":"{}","status":"{}","hops":{},"host":"grün.example \"q\"\n"}})", id, status, reached);
}

std::string read_job(RedisConnection& redis, const std::string& key) {
  const RedisReply reply = checked(redis, {"GET", key});
  expect(!reply.is_nil(), "a job that was added is not there");
  return reply.text;
}

/// An update as the store makes it: WATCH, read, MULTI, write, EXEC. False when someone else wrote in between.
bool update(RedisConnection& redis, const std::string& key, const std::string& value) {
  checked(redis, {"WATCH", key});
  read_job(redis, key);
  checked(redis, {"MULTI"});
  checked(redis, {"SET", key, value});
  return !checked(redis, {"EXEC"}).is_nil();
}

void add_and_read(SmokeBench& bench, const SmokeClients& pods, const std::string& key) {
  expect(checked(bench.redis(), {"GET", key}).is_nil(), "a job that nobody added is there");
  checked(*pods[0], {"SET", key, job_json("1", "pending", 0)});
  for (const auto& pod : pods)
    expect(read_job(*pod, key) == job_json("1", "pending", 0), "a replica reads another job than was added");
  expect(checked(bench.redis(), {"TTL", key}).integer == -1, "a job without expiry was given one");
}

// every replica in turn, while another one polls
void update_progress(const SmokeClients& pods, const std::string& key) {
  for (int hop = 1; hop <= hops; ++hop) {
    const auto writer = static_cast<std::size_t>(hop) % pods.size();
    const auto poller = static_cast<std::size_t>(hop + 1) % pods.size();
    const std::string job = job_json("1", hop == hops ? "complete" : "running", hop);
    expect(update(*pods[writer], key, job), "an update that nobody disturbed was refused");
    expect(read_job(*pods[poller], key) == job, "a poller does not see the newest update");
  }
}

void lose_no_update(const SmokeClients& pods, const std::string& key) {
  checked(*pods[0], {"WATCH", key});
  read_job(*pods[0], key);
  checked(*pods[1], {"SET", key, job_json("1", "error", hops)});
  checked(*pods[0], {"MULTI"});
  checked(*pods[0], {"SET", key, job_json("1", "complete", hops)});
  expect(checked(*pods[0], {"EXEC"}).is_nil(), "an update overwrote another replica's that came in between");
  expect(update(*pods[0], key, job_json("1", "complete", hops)), "the second attempt of an update was refused");
}

/// Who of those that ask at once gets it; Error unless exactly one does.
std::size_t winner(const std::vector<RedisReply>& replies, int job) {
  std::size_t found = replies.size();
  for (std::size_t i = 0; i < replies.size(); ++i) {
    if (replies[i].is_nil()) continue;
    expect(found == replies.size(), fmt::format("job {} was claimed twice", job));
    found = i;
  }
  expect(found < replies.size(), fmt::format("job {} was claimed by nobody", job));
  return found;
}

/// As a claim by SET NX, and as a change of the status from queued to running under WATCH.
std::size_t claim(const SmokeClients& pods, const std::string& key, int job) {
  const auto owner = [](std::size_t pod) { return fmt::format("replica-{}", pod); };
  ask_at_once(pods, [&](std::size_t) { return std::vector<std::string>{"WATCH", key}; });
  for (const RedisReply& seen : ask_at_once(pods, [&](std::size_t) { return std::vector<std::string>{"GET", key}; })) {
    expect(seen.text == "queued", fmt::format("job {} is {} before anyone claimed it", job, seen.text));
  }
  ask_at_once(pods, [](std::size_t) { return std::vector<std::string>{"MULTI"}; });
  ask_at_once(pods, [&](std::size_t pod) { return std::vector<std::string>{"SET", key, owner(pod)}; });
  const std::size_t by_status =
      winner(ask_at_once(pods, [](std::size_t) { return std::vector<std::string>{"EXEC"}; }), job);
  expect(read_job(*pods[0], key) == owner(by_status),
         fmt::format("job {} belongs to another than who claimed it", job));
  const std::string lock = key + ":claim";
  const std::size_t by_lock = winner(
      ask_at_once(
          pods,
          [&](std::size_t pod) { return std::vector<std::string>{"SET", lock, owner(pod), "NX", "PX", "60000"}; }),
      job);
  expect(read_job(*pods[0], lock) == owner(by_lock),
         fmt::format("the claim of job {} names another than its owner", job));
  return by_status;
}

}  // namespace

std::string smoke_job_store(SmokeBench& bench, const SmokeParameters& parameters) {
  expect_no_eviction(bench.admin(), "a job that a client polls for");
  const SmokeClients pods = bench.clients(replicas);
  const std::string prefix = bench.key(parameter(parameters, "prefix", usual_prefix));
  const std::string key = prefix + "1";
  add_and_read(bench, pods, key);
  update_progress(pods, key);
  lose_no_update(pods, key);
  checked(*pods[0], {"WATCH", prefix + "missing"});
  expect(checked(*pods[0], {"GET", prefix + "missing"}).is_nil(), "an update finds a job that was never added");
  checked(*pods[0], {"UNWATCH"});
  expect(checked(*pods[2], {"DEL", key}).integer == 1, "a job could not be removed");
  expect(checked(*pods[3], {"EXISTS", key}).integer == 0, "a removed job is still there");
  return fmt::format("added, polled, {} updates by {} replicas: none lost", hops + 2, replicas);
}

std::string smoke_claim_contention(SmokeBench& bench, const SmokeParameters& parameters) {
  const SmokeClients pods = bench.clients(claimants);
  const std::string prefix = bench.key(parameter(parameters, "prefix", usual_prefix));
  std::array<int, claimants> won{};
  for (int job = 0; job < contended_jobs; ++job) {
    const std::string key = fmt::format("{}claimed-{}", prefix, job);
    checked(bench.redis(), {"SET", key, "queued"});
    ++won[claim(pods, key, job)];
  }
  return fmt::format("{} jobs, {} replicas at once: each claimed by one", contended_jobs, claimants);
}

}  // namespace raibid
