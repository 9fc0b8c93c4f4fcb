#include "components/redis/server/queue_stats.hpp"
#include "components/redis/server/safe_trim.hpp"

#include <doctest/doctest.h>

#include "fakes/fake_redis.hpp"
#include "support/thrown.hpp"

using namespace raibid;
using namespace raibid::test;
using namespace std::chrono_literals;

namespace {

RedisReply integer(std::int64_t value) { return {RedisReply::Type::integer, "", value, {}}; }

QueueFacts queue_with(GroupFacts group, std::int64_t dead = 0) {
  QueueFacts facts;
  facts.stream = "jobs";
  facts.kind = "stream";
  facts.groups = {std::move(group)};
  facts.dead = dead;
  return facts;
}

RedisReply trim_reply(const std::string& state, std::int64_t removed, std::int64_t more, std::int64_t length,
                      const std::string& reason = "") {
  return FakeRedis::list({FakeRedis::text(state), integer(removed), integer(more), integer(length),
                          FakeRedis::text(reason.empty() ? "" : "workers"), FakeRedis::text(reason),
                          FakeRedis::text("7-0"), FakeRedis::text("6-0")});
}

}  // namespace

TEST_CASE("queue facts: two questions, whatever the number of streams") {
  int questions = 0;
  FakeRedis redis([&](const std::string& command) {
    if (command.starts_with("SCRIPT LOAD")) return FakeRedis::text("digest");
    ++questions;
    return FakeRedis::list({FakeRedis::status("none"), integer(0), integer(0), FakeRedis::text(""), FakeRedis::text(""),
                            FakeRedis::list({}), integer(0), integer(0), integer(0), FakeRedis::text("")});
  });
  const std::vector<QueueFacts> facts = read_queue_facts(*redis.connect({"", 0}, 1s), {"a", "b", "c"}, 1000);
  CHECK(facts.size() == 3);
  CHECK(questions == 3);
  CHECK(facts[1].stream == "b");
  CHECK(facts[1].kind == "none");
}

TEST_CASE("limits: the lag, or what was counted where Redis does not know it") {
  GroupFacts group;
  group.name = "workers";
  group.lag = 11;
  QueueLimits limits;
  limits.lag = 11;
  CHECK(passed_limits(queue_with(group), limits, 0).empty());
  group.lag = 12;
  CHECK(passed_limits(queue_with(group), limits, 0).size() == 1);
  group.lag.reset();
  group.counted = 11;
  CHECK(passed_limits(queue_with(group), limits, 0).empty());
  group.counted = 12;
  group.counted_more = true;
  const std::vector<std::string> passed = passed_limits(queue_with(group), limits, 0);
  REQUIRE(passed.size() == 1);
  CHECK(has(passed[0], "at least 12 jobs are waiting"));
}

TEST_CASE("limits: a pending job's age counts from when it was added") {
  GroupFacts group;
  group.name = "workers";
  group.oldest = OldestPending{"1000-0", "c1", 1ms, 3};
  QueueLimits limits;
  limits.pending_age = 5min;
  CHECK(passed_limits(queue_with(group), limits, 1000 + 300'000).empty());
  CHECK(passed_limits(queue_with(group), limits, 1000 + 300'001).size() == 1);
  CHECK(age_of("5000-0", 1000) == 0ms);  // another clock
}

TEST_CASE("limits: dead letters") {
  QueueLimits limits;
  limits.dead = 0;
  CHECK(passed_limits(queue_with({}, 0), limits, 0).empty());
  CHECK(passed_limits(queue_with({}, 1), limits, 0).size() == 1);
}

TEST_CASE("safe trim: goes on slice by slice until the script says that nothing more may go") {
  int slice = 0;
  FakeRedis redis([&](const std::string&) {
    ++slice;
    return slice < 3 ? trim_reply("ok", 10, 1, 100 - 10 * slice, "undelivered") : trim_reply("ok", 5, 0, 70, "pending");
  });
  std::vector<std::int64_t> seen;
  TrimRequest request;
  request.keep = 50;
  const TrimResult result =
      safe_trim(*redis.connect({"", 0}, 1s), "jobs", request, [&](std::int64_t removed) { seen.push_back(removed); });
  CHECK(result.removed == 25);
  CHECK(result.length == 90);
  CHECK(result.reason == "pending");
  CHECK(result.kept_over(request) == 15);
  CHECK(seen == std::vector<std::int64_t>{10, 20});
}

TEST_CASE("safe trim: refuses with the reason") {
  const auto refusal = [](const std::string& state) {
    FakeRedis redis([&](const std::string&) { return trim_reply(state, 0, 0, 0); });
    TrimRequest request;
    request.keep = 1;
    return error_of([&] { safe_trim(*redis.connect({"", 0}, 1s), "jobs", request, {}); }).message();
  };
  CHECK(has(refusal("no-stream"), "there is no stream jobs"));
  CHECK(has(refusal("no-group"), "no consumer group"));
  CHECK(has(refusal("wrong-type"), "not a stream"));
}
