// What Redis forgets of a group's lag, and how it is told again, on a real redis-server.
#include "components/redis/server/group_lag.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/server/health.hpp"
#include "components/redis/server/redis_facts.hpp"
#include "components/redis/server/server_facts.hpp"
#include "components/redis/settings/advice.hpp"
#include "support/queue_cli.hpp"
#include "support/queue_scripts.hpp"

using namespace raibid;
using namespace raibid::test;
using nlohmann::json;

namespace raibid::group_lag_test {

using namespace test::queue;
using State = GroupLag::State;

namespace {

std::optional<std::int64_t> lag_in(RedisConnection& redis) {
  const RedisReply groups = checked(redis, {"XINFO", "GROUPS", stream});
  const RedisReply* const lag = groups.items.at(0).field("lag");
  if (lag == nullptr || lag->type != RedisReply::Type::integer) return std::nullopt;
  return lag->integer;
}

/// As after a restart or a failover of a Redis before 7.4.
void forget(RedisConnection& redis, const std::string& last) {
  checked(redis, {"XGROUP", "SETID", stream, group, last});
  REQUIRE_FALSE(lag_in(redis));
}

GroupLag count(RedisConnection& redis) { return count_group_lag(redis, stream, group, {}); }

/// A hundred entries, thirty of them delivered, and the lag is forgotten.
struct Forgotten {
  Forgotten() : redis(with_group(server)), ids(add(*redis, 100)) {
    read(*redis, "c", 30);
    forget(*redis, ids.at(29));
  }
  RedisServer server;
  std::unique_ptr<RedisConnection> redis;
  std::vector<std::string> ids;
};

}  // namespace

TEST_CASE("lag: what an older Redis forgets at a restart is counted and told") {
  RedisServer server("appendonly yes\nsave \"\"\n");
  auto redis = with_group(server);
  add(*redis, 100);
  read(*redis, "c", 30);
  REQUIRE(lag_in(*redis) == 70);
  server.stop();
  server.start("appendonly yes\nsave \"\"\n");
  redis = server.connect();
  const bool keeps = keeps_lag(read_server_facts(*redis).version);
  CHECK(lag_in(*redis).has_value() == keeps);
  const GroupLag seen = count(*redis);
  CHECK(seen.waiting == 70);
  CHECK(seen.is_wrong() != keeps);
  if (!keeps) CHECK(set_group_lag(*redis, stream, group, seen) == 70);
  CHECK(lag_in(*redis) == 70);
  CHECK_FALSE(count(*redis).is_wrong());
  CHECK(read(*redis, "c", 10).size() == 10);  // the group goes on where it was
  CHECK(lag_in(*redis) == 60);
  CHECK(checked(*redis, {"XPENDING", stream, group}).items.at(0).integer == 40);
}

TEST_CASE("lag: one that is wrong is put right, one that is right stays") {
  const RedisServer server;
  const auto redis = with_group(server);
  const std::vector<std::string> ids = add(*redis, 100);
  read(*redis, "c", 30);
  CHECK_FALSE(count(*redis).is_wrong());
  checked(*redis, {"XGROUP", "SETID", stream, group, ids.at(29), "ENTRIESREAD", "0"});
  REQUIRE(lag_in(*redis) == 100);
  const GroupLag seen = count(*redis);
  CHECK(seen.is_wrong());
  CHECK(set_group_lag(*redis, stream, group, seen) == 70);
}

TEST_CASE("lag: what is added and delivered between count and change counts") {
  Forgotten world;
  const GroupLag seen = count(*world.redis);
  add(*world.redis, 5);
  read(*world.redis, "c", 10);
  REQUIRE_FALSE(lag_in(*world.redis));
  CHECK(set_group_lag(*world.redis, stream, group, seen) == 65);
  CHECK(count(*world.redis).waiting == 65);
}

TEST_CASE("lag: trimmed entries that were delivered do not count") {
  Forgotten world;
  checked(*world.redis, {"XTRIM", stream, "MINID", world.ids.at(20)});
  const GroupLag seen = count(*world.redis);
  checked(*world.redis, {"XTRIM", stream, "MINID", world.ids.at(29)});
  CHECK(set_group_lag(*world.redis, stream, group, seen) == 70);
}

TEST_CASE("lag: nothing is changed when waiting entries go between count and change") {
  Forgotten world;
  const GroupLag seen = count(*world.redis);
  SUBCASE("deleted") { checked(*world.redis, {"XDEL", stream, world.ids.at(50)}); }
  SUBCASE("trimmed") { checked(*world.redis, {"XTRIM", stream, "MAXLEN", "60"}); }
  SUBCASE("the group was set back") { checked(*world.redis, {"XGROUP", "SETID", stream, group, world.ids.at(5)}); }
  SUBCASE("the group is gone") {
    checked(*world.redis, {"XGROUP", "DESTROY", stream, group});
    checked(*world.redis, {"XGROUP", "CREATE", stream, "another", "0"});
  }
  const std::string before =
      checked(*world.redis, {"XINFO", "GROUPS", stream}).items.at(0).field("last-delivered-id")->text;
  CHECK_FALSE(set_group_lag(*world.redis, stream, group, seen));
  CHECK(checked(*world.redis, {"XINFO", "GROUPS", stream}).items.at(0).field("last-delivered-id")->text == before);
}

TEST_CASE("lag: after a waiting entry was deleted there is nothing that could be told") {
  Forgotten world;
  checked(*world.redis, {"XDEL", stream, world.ids.at(50)});
  const GroupLag seen = count(*world.redis);
  CHECK(seen.state == State::deleted);
  CHECK(seen.deleted == world.ids.at(50));
  CHECK_FALSE(seen.is_wrong());
  // what Redis says then: it is true that no count helps
  checked(*world.redis, {"XGROUP", "SETID", stream, group, world.ids.at(29), "ENTRIESREAD", "30"});
  CHECK_FALSE(lag_in(*world.redis));
}

TEST_CASE("lag: a deleted entry that the group had counts no more than others") {
  Forgotten world;
  checked(*world.redis, {"XDEL", stream, world.ids.at(5)});
  const GroupLag seen = count(*world.redis);
  REQUIRE(seen.state == State::ok);
  CHECK(set_group_lag(*world.redis, stream, group, seen) == 70);
}

TEST_CASE("lag: a long backlog is counted in slices") {
  const RedisServer server;
  const auto redis = with_group(server);
  constexpr int entries = 60000;
  checked(*redis, {"EVAL", "for i = 1, tonumber(ARGV[1]) do redis.call('XADD', KEYS[1], '*', 'a', i) end", "1", stream,
                   std::to_string(entries)});
  const std::string last = read(*redis, "c", 1).at(0);
  forget(*redis, last);
  int slices = 1;
  const GroupLag seen = count_group_lag(*redis, stream, group, [&] { ++slices; });
  MESSAGE(slices << " slices");
  CHECK(seen.waiting == entries - 1);
  CHECK(set_group_lag(*redis, stream, group, seen) == entries - 1);
}

TEST_CASE("lag: what has none says so") {
  const RedisServer server;
  const auto redis = server.connect();
  CHECK(count(*redis).state == State::no_stream);
  checked(*redis, {"SET", stream, "text"});
  CHECK(count(*redis).state == State::wrong_type);
  checked(*redis, {"DEL", stream});
  add(*redis, 1);
  CHECK(count(*redis).state == State::no_group);
}

TEST_CASE("status: a lost lag is a warning with the command that tells Redis again") {
  Forgotten world;
  RedisFacts facts;
  read_redis_facts(*world.redis, {{}, {{stream, {group}, 0}}}, facts);
  REQUIRE(facts.streams.at(0).groups.at(0).lag_lost);
  CHECK(facts.streams.at(0).groups.at(0).lag == 70);
  HealthReport report;
  examine_redis(facts, report);
  const auto& checks = report.checks();
  const auto lag = std::find_if(checks.begin(), checks.end(), [](const Check& check) { return check.name == "lag"; });
  REQUIRE(lag != checks.end());
  CHECK(lag->warning);
  CHECK(lag->passed);
  CHECK(has(lag->hint, "queue repair-lag"));
  REQUIRE(set_group_lag(*world.redis, stream, group, count(*world.redis)) == 70);
  RedisFacts after;
  read_redis_facts(*world.redis, {{}, {{stream, {group}, 0}}}, after);
  CHECK_FALSE(after.streams.at(0).groups.at(0).lag_lost);
}

TEST_CASE("queue repair-lag: shows, asks, tells Redis, and doctor finds it") {
  QueueCli cli;
  cli.queue("add", {cli.write("jobs.jsonl", job_lines(20))});
  cli.take("c1", 3);
  const auto lag_known = [&] { return cli.object("stats").at("queues").at(0).at("groups").at(0).at("lag"); };
  REQUIRE(lag_known() == 17);
  CHECK(cli.object("repair-lag").at("groups").at(0).at("changed") == false);
  const std::string last =
      cli.redis()->command({"XINFO", "GROUPS", "raibid:jobs"}).items.at(0).field("last-delivered-id")->text;
  cli.redis()->command({"XGROUP", "SETID", "raibid:jobs", "raibid-workers", last});
  REQUIRE(lag_known().is_null());
  const auto warned = [&](const char* command) {
    const Output output = cli({command, "redis", "--target", "local"});
    return has(output.out, "does not know how many jobs wait") && has(output.out, "queue repair-lag");
  };
  CHECK(warned("doctor"));
  CHECK(warned("status"));
  const Output dry = cli.queue("repair-lag", {"--dry-run"});
  INFO(said(dry));
  CHECK(dry.status == 0);
  CHECK(has(dry.out, "would be set"));
  CHECK(lag_known().is_null());
  CHECK(cli.queue("repair-lag").status == 2);  // nobody to ask
  CHECK(lag_known().is_null());
  const json done = cli.object("repair-lag", {"--yes"}).at("groups").at(0);
  CHECK(done.at("was").is_null());
  CHECK(done.at("lag") == 17);
  CHECK(done.at("changed") == true);
  CHECK(lag_known() == 17);
  CHECK_FALSE(warned("doctor"));
  CHECK_FALSE(warned("status"));
  // a job that waits is deleted: then nobody knows
  const std::string waiting =
      cli.redis()->command({"XREVRANGE", "raibid:jobs", "+", "-", "COUNT", "2"}).items.at(1).items.at(0).text;
  cli.redis()->command({"XDEL", "raibid:jobs", waiting});
  const Output refused = cli.queue("repair-lag", {"--yes"});
  INFO(said(refused));
  CHECK(refused.status == 1);
  CHECK(has(refused.out, "entry " + waiting + " was deleted"));
}

}  // namespace raibid::group_lag_test
