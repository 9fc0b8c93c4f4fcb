// What the queue's scripts do to a real Redis, and that no order of events loses a job.
#include "components/redis/server/bulk_add.hpp"
#include "components/redis/server/queue_keys.hpp"
#include "components/redis/server/safe_trim.hpp"
#include "components/redis/server/stream_queue.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <fmt/format.h>

#include "support/machine.hpp"
#include "support/queue_scripts.hpp"
#include "support/redis_server.hpp"
#include "support/tcp_server.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "sys/unique_fd.hpp"

namespace raibid::queue_scripts_test {

using namespace raibid::test;
using namespace raibid::test::queue;
using namespace std::chrono_literals;

TEST_CASE("safe trim: only what every group has acknowledged goes, and the newest stay up to the limit") {
  const RedisServer server;
  const auto redis = with_group(server);
  const std::vector<std::string> ids = add(*redis, 1000);
  CHECK(trim_to(*redis, 10).removed == 0);  // nothing was delivered
  read(*redis, "a", 700);
  CHECK(trim_to(*redis, 10).reason == "pending");
  for (int i = 0; i < 300; ++i) checked(*redis, {"XACK", stream, group, ids[static_cast<std::size_t>(i)]});
  CHECK(trim_to(*redis, 950, true).removed == 50);
  CHECK(length(*redis) == 1000);
  CHECK(trim_to(*redis, 950).removed == 50);
  const TrimResult result = trim_to(*redis, 10);
  CHECK(result.removed == 250);
  CHECK(result.needed == ids[300]);
  CHECK(result.group == group);
  CHECK(length(*redis) == 700);
  CHECK(checked(*redis, {"XPENDING", stream, group}).items.at(0).integer == 400);
  for (std::size_t i = 300; i < 700; ++i) checked(*redis, {"XACK", stream, group, ids[i]});
  CHECK(trim_to(*redis, 10).removed == 400);
  CHECK(trim_to(*redis, 10).reason == "undelivered");
  CHECK(read(*redis, "a", 1000).size() == 300);
}

TEST_CASE("safe trim: the slowest of several groups decides, and a stream without one is left alone") {
  const RedisServer server;
  const auto redis = with_group(server);
  checked(*redis, {"XGROUP", "CREATE", stream, "slow", "0"});
  add(*redis, 100);
  for (const std::string& id : read(*redis, "a", 100)) checked(*redis, {"XACK", stream, group, id});
  CHECK(trim_to(*redis, 0).removed == 0);
  for (const std::string& id : read(*redis, "b", 40, "slow")) checked(*redis, {"XACK", stream, "slow", id});
  const TrimResult result = trim_to(*redis, 0);
  CHECK(result.removed == 40);
  CHECK(result.group == "slow");
  checked(*redis, {"XGROUP", "DESTROY", stream, "slow"});
  checked(*redis, {"XGROUP", "DESTROY", stream, group});
  CHECK(has(error_of([&] { trim_to(*redis, 0); }).message(), "no consumer group"));
  CHECK(length(*redis) == 60);
}

TEST_CASE("safe trim: IDs are compared as numbers of 64 bits") {
  const RedisServer server;
  const auto redis = with_group(server);
  const std::vector<std::string> ids = {"9-9",
                                        "10-1",
                                        "9007199254740992-0",
                                        "9007199254740993-0",
                                        "9007199254740993-18446744073709551615",
                                        "9007199254740994-0"};
  for (const std::string& id : ids) checked(*redis, {"XADD", stream, id, "job_id", id});
  read(*redis, "a", 6);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    CHECK(trim_to(*redis, 0).needed == ids[i]);
    CHECK(length(*redis) == static_cast<std::int64_t>(ids.size() - i));
    checked(*redis, {"XACK", stream, group, ids[i]});
  }
  CHECK(trim_to(*redis, 0).removed == 1);
}

TEST_CASE("safe trim: many entries go in slices, and a dry run counts the same") {
  const RedisServer server;
  const auto redis = with_group(server);
  checked(*redis,
          {"EVAL", "for i = 1, 200000 do redis.call('XADD', KEYS[1], i .. '-0', 'job_id', i) end", "1", stream});
  checked(*redis, {"XGROUP", "SETID", stream, group, "150000-0"});
  CHECK(trim_to(*redis, 1000, true).removed == 150'000);
  CHECK(trim_to(*redis, 100'000, true).removed == 100'000);
  CHECK(trim_to(*redis, 100'000).removed == 100'000);
  CHECK(length(*redis) == 100'000);
  CHECK(trim_to(*redis, 1000).removed == 50'000);
  CHECK(checked(*redis, {"XRANGE", stream, "-", "+", "COUNT", "1"}).items.at(0).items.at(0).text == "150001-0");
}

TEST_CASE("queue facts: lag, what is counted where it is unknown, pending, consumers, dead letters, pause") {
  const RedisServer server;
  const auto redis = with_group(server);
  const std::vector<std::string> ids = add(*redis, 50);
  read(*redis, "a", 5);
  read(*redis, "b", 3);
  StreamQueue queue = queue_of(*redis);
  QueueFacts facts = queue.facts();
  CHECK(facts.length == 50);
  REQUIRE(facts.groups.size() == 1);
  CHECK(facts.groups[0].lag == 42);
  CHECK(facts.groups[0].pending == 8);
  CHECK(facts.groups[0].consumers.size() == 2);
  REQUIRE(facts.groups[0].oldest);
  CHECK(facts.groups[0].oldest->id == ids[0]);
  CHECK(facts.groups[0].oldest->consumer == "a");
  CHECK(facts.paused.empty());
  checked(*redis, {"XDEL", stream, ids[30]});  // from now on Redis does not know the lag
  run_script(*redis, queue_script("bury"), {stream, dead_letters_key(stream)}, {group, "broken", "", ids[1]});
  queue.pause("for a test");
  facts = queue.facts();
  CHECK(!facts.groups[0].lag);
  CHECK(facts.groups[0].counted == 41);
  CHECK(!facts.groups[0].counted_more);
  CHECK(facts.groups[0].pending == 7);
  CHECK(facts.dead == 1);
  CHECK(facts.dead_recent == 1);
  CHECK(facts.paused == "for a test");
  CHECK(queue.resume());
  CHECK(!queue.resume());
}

TEST_CASE("queue facts: a key that is not a stream, and none at all") {
  const RedisServer server;
  const auto redis = server.connect();
  checked(*redis, {"SET", "text", "x"});
  const std::vector<QueueFacts> facts = read_queue_facts(*redis, {"text", "nothing"}, now_ms());
  CHECK(facts[0].kind == "string");
  CHECK(facts[1].kind == "none");
}

TEST_CASE("jobs: retried, buried, requeued and removed ones are where they should be") {
  const RedisServer server;
  const auto redis = with_group(server);
  const std::vector<std::string> ids = add(*redis, 5);
  read(*redis, "a", 4);
  StreamQueue queue = queue_of(*redis);
  std::vector<JobOutcome> outcomes = queue.retry({ids[0], ids[4], "1-1"});
  CHECK(outcomes[0].ok);
  CHECK(!outcomes[1].ok);
  CHECK(outcomes[1].result == "not-pending");
  const RedisReply buried =
      run_script(*redis, queue_script("bury"), {stream, dead_letters_key(stream)}, {group, "broken", "a", ids[1]});
  const std::string letter = buried.items.at(0).text;
  const std::vector<JobView> dead = queue.find({letter});
  REQUIRE(!dead.empty());
  CHECK(dead.back().state == JobState::dead);
  CHECK(dead.back().reason == "broken");
  CHECK(dead.back().origin == ids[1]);
  CHECK(dead.back().job.fields.size() == 1);
  const std::vector<JobView> found = queue.find({ids[2], ids[4], outcomes[0].result});
  REQUIRE(found.size() >= 3);
  CHECK(found[0].state == JobState::pending);
  CHECK(found[0].consumer == "a");
  CHECK(found[1].state == JobState::waiting);
  CHECK(found[2].state == JobState::waiting);
  outcomes = queue.requeue({letter});
  CHECK(outcomes[0].ok);
  CHECK(length(*redis, dead_letters_key(stream)) == 0);
  outcomes = queue.remove({ids[2], ids[4], "1-1"});
  CHECK(outcomes[0].result == "pending");
  CHECK(outcomes[1].result == "removed");
  CHECK(!outcomes[2].ok);
  CHECK(queue.claim({ids[3]}, "b", 0ms)[0].ok);
  CHECK(!queue.claim({ids[2]}, "b", 0ms)[0].ok);
  CHECK(queue.find({ids[3]})[0].consumer == "b");
  CHECK(job_ids(*redis) == std::vector<std::string>{"3", "0", "1"});
}

TEST_CASE("jobs: nothing that another group still needs is deleted") {
  const RedisServer server;
  const auto redis = with_group(server);
  checked(*redis, {"XGROUP", "CREATE", stream, "other", "0"});
  const std::vector<std::string> ids = add(*redis, 2);
  read(*redis, "a", 2);
  CHECK(queue_of(*redis).retry({ids[0]})[0].result == "other-groups");
  run_script(*redis, queue_script("bury"), {stream, dead_letters_key(stream)}, {group, "broken", "", ids[1]});
  CHECK(length(*redis, dead_letters_key(stream)) == 1);
  CHECK(read(*redis, "b", 10, "other").size() == 2);
}

TEST_CASE("jobs: a scan gives each state, range, field and text") {
  const RedisServer server;
  const auto redis = with_group(server);
  for (int i = 1; i <= 9; ++i)
    checked(*redis, {"XADD", stream, fmt::format("{}-0", i), "job_id", std::to_string(i), "kind",
                     i % 2 == 0 ? "even" : "odd number"});
  read(*redis, "a", 6);
  checked(*redis, {"XACK", stream, group, "1-0", "3-0"});
  const auto ids = [&](const JobFilter& filter) {
    std::string all;
    queue_of(*redis).scan(filter, [&](const JobView& view) {
      all += view.job.id.substr(0, 1);
      return true;
    });
    return all;
  };
  JobFilter filter;
  CHECK(ids(filter) == "123456789");
  filter.state = JobState::done;
  CHECK(ids(filter) == "13");
  filter.state = JobState::pending;
  CHECK(ids(filter) == "2456");
  filter.state = JobState::waiting;
  CHECK(ids(filter) == "789");
  filter.newest = true;
  CHECK(ids(filter) == "987");
  filter = {};
  filter.from = "3";
  filter.to = "7-0";
  CHECK(ids(filter) == "34567");
  filter.fields = {{"kind", "even"}};
  CHECK(ids(filter) == "46");
  filter.fields.clear();
  filter.text = "number";
  CHECK(ids(filter) == "357");
  filter.state = JobState::pending;
  CHECK(ids(filter) == "5");
}

namespace {

/// The queue as it should be, by job_id.
struct Model {
  enum class State { waiting, pending, dead, done };
  std::map<std::string, State> jobs;
  int added = 0;

  std::vector<std::string> in(State state) const {
    std::vector<std::string> found;
    for (const auto& [job, its] : jobs) {
      if (its == state) found.push_back(job);
    }
    return found;
  }
};

Model::State model_state(JobState state) {
  switch (state) {
    case JobState::waiting:
      return Model::State::waiting;
    case JobState::pending:
      return Model::State::pending;
    case JobState::dead:
      return Model::State::dead;
    default:
      return Model::State::done;
  }
}

/// A random history of one queue, checked against the model after each event.
class History {
 public:
  History(RedisConnection& redis, unsigned seed) : m_redis(redis), m_queue(queue_of(redis)), m_random(seed) {}

  void step() {
    switch (below(10)) {
      case 0:
      case 1:
        return add_some();
      case 2:
      case 3:
        return read_some();
      case 4:
        return acknowledge();
      case 5:
        return claim();
      case 6:
        return trim();
      case 7:
        return retry();
      case 8:
        return bury();
      default:
        return below(2) == 0 ? requeue() : pause();
    }
  }

  void check() {
    std::map<std::string, Model::State> seen;
    int twice = 0;
    const auto take = [&](const JobView& view) {
      const bool is_new = seen.emplace(*view.job.field("job_id"), model_state(view.state)).second;
      twice += is_new ? 0 : 1;
      m_ids[*view.job.field("job_id")] = view.job.id;
      return true;
    };
    m_queue.scan({}, take);
    JobFilter dead;
    dead.state = JobState::dead;
    m_queue.scan(dead, take);
    REQUIRE(twice == 0);
    for (const auto& [job, state] : m_model.jobs) {
      CAPTURE(job);
      const auto found = seen.find(job);
      if (state == Model::State::done && found == seen.end()) continue;  // trimmed
      REQUIRE(found != seen.end());
      REQUIRE(found->second == state);
    }
    const QueueFacts facts = m_queue.facts();
    REQUIRE(facts.groups.at(0).waiting() == static_cast<std::int64_t>(m_model.in(Model::State::waiting).size()));
    REQUIRE(facts.groups.at(0).pending == static_cast<std::int64_t>(m_model.in(Model::State::pending).size()));
    REQUIRE(facts.dead == static_cast<std::int64_t>(m_model.in(Model::State::dead).size()));
    REQUIRE(m_model.added == static_cast<int>(m_model.jobs.size()));
  }

 private:
  std::size_t below(std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(m_random); }
  std::string some_consumer() { return fmt::format("c{}", below(3)); }

  std::string one_of(Model::State state) {
    const std::vector<std::string> jobs = m_model.in(state);
    return jobs.empty() ? "" : jobs[below(jobs.size())];
  }

  void add_some() {
    std::string text;
    for (std::size_t i = 0, end = 1 + below(20); i < end; ++i) {
      const std::string job = std::to_string(++m_model.added);
      text += fmt::format("{{\"job_id\":\"{}\"}}\n", job);
      m_model.jobs[job] = Model::State::waiting;
    }
    UploadPlan plan = plan_of();
    plan.limit = static_cast<std::int64_t>(below(30));
    upload(m_redis, text, std::move(plan));
  }
  void read_some() {
    RedisReply reply = checked(m_redis, {"XREADGROUP", "GROUP", group, some_consumer(), "COUNT",
                                         std::to_string(1 + below(10)), "STREAMS", stream, ">"});
    if (reply.items.empty()) return;
    for (const StreamEntry& entry : entries_of(std::move(reply.items.at(0).items.at(1))))
      m_model.jobs.at(*entry.field("job_id")) = Model::State::pending;
  }
  void acknowledge() {
    const std::string job = one_of(Model::State::pending);
    if (job.empty()) return;
    REQUIRE(checked(m_redis, {"XACK", stream, group, m_ids.at(job)}).integer == 1);
    m_model.jobs.at(job) = Model::State::done;
  }
  void claim() {  // of a consumer that died
    const std::string job = one_of(Model::State::pending);
    if (!job.empty()) REQUIRE(m_queue.claim({m_ids.at(job)}, some_consumer(), 0ms).at(0).ok);
  }
  void trim() {
    const std::int64_t keep = static_cast<std::int64_t>(below(20));
    const std::int64_t before = length(m_redis);
    const TrimResult would = trim_to(m_redis, keep, true);
    const TrimResult did = trim_to(m_redis, keep);
    REQUIRE(did.removed == would.removed);
    REQUIRE(length(m_redis) == before - did.removed);
    REQUIRE(length(m_redis) >= std::min(before, keep));
  }
  void retry() {
    const std::string job = one_of(Model::State::pending);
    if (job.empty()) return;
    REQUIRE(m_queue.retry({m_ids.at(job)}).at(0).ok);
    m_model.jobs.at(job) = Model::State::waiting;
  }
  void bury() {
    const std::string job = one_of(Model::State::pending);
    if (job.empty()) return;
    run_script(m_redis, queue_script("bury"), {stream, dead_letters_key(stream)}, {group, "random", "", m_ids.at(job)});
    m_model.jobs.at(job) = Model::State::dead;
  }
  void requeue() {
    const std::string job = one_of(Model::State::dead);
    if (job.empty()) return;
    REQUIRE(m_queue.requeue({m_ids.at(job)}).at(0).ok);
    m_model.jobs.at(job) = Model::State::waiting;
  }
  void pause() {
    m_queue.pause("random");
    REQUIRE(!m_queue.facts().paused.empty());
    REQUIRE(m_queue.resume());
  }

  RedisConnection& m_redis;
  StreamQueue m_queue;
  std::mt19937 m_random;
  Model m_model;
  std::map<std::string, std::string> m_ids;  ///< the entry of each job now
};

}  // namespace

TEST_CASE("queue: whatever happens in whatever order, added = done + pending + waiting + dead") {
  const RedisServer server;
  for (unsigned seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    const auto redis = server.connect();
    checked(*redis, {"FLUSHALL"});
    checked(*redis, {"XGROUP", "CREATE", stream, group, "0", "MKSTREAM"});
    History history(*redis, seed);
    for (int i = 0; i < 60; ++i) {
      history.step();
      history.check();
    }
  }
}

TEST_CASE("queue: a group that is gone is said, and nothing is made up for it") {
  const RedisServer server;
  const auto redis = with_group(server);
  const std::vector<std::string> ids = add(*redis, 1);
  read(*redis, "a", 1);
  checked(*redis, {"XGROUP", "DESTROY", stream, group});
  const Error error = error_of([&] { queue_of(*redis).claim({ids[0]}, "b", 0ms); });
  CHECK(has(error.message(), "NOGROUP"));
  CHECK(has(error.hint(), "setup"));
}

}  // namespace raibid::queue_scripts_test
