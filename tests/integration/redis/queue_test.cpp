// Streams, groups, settings and the wait for PONG on a real redis-server.
#include "components/redis/server/connect.hpp"
#include "components/redis/server/running_config.hpp"
#include "components/redis/server/server_facts.hpp"
#include "components/redis/server/streams.hpp"

#include <doctest/doctest.h>
#include <algorithm>

#include "support/cli.hpp"
#include "support/redis_server.hpp"
#include "support/thrown.hpp"
#include "tools/redis_connection.hpp"

namespace raibid::queue_test {

using namespace test;
using namespace std::chrono_literals;

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

const std::vector<StreamSpec> queue{{"raibid:jobs", {"raibid-workers"}, 10000}};

std::string differences(RedisConnection& redis, const Directives& wanted) {
  std::string text;
  for (const Difference& difference : config_differences(redis, wanted)) {
    text += difference.name + "[" + difference.running + "|" + difference.wanted + "]";
  }
  return text;
}

/// What a consumer of the group gets first.
std::string next_job(RedisConnection& redis) {
  const RedisReply reply =
      redis.command({"XREADGROUP", "GROUP", "raibid-workers", "c", "COUNT", "1", "STREAMS", "raibid:jobs", ">"});
  if (reply.is_nil() || reply.is_error()) return reply.text;
  return reply.items.at(0).items.at(1).items.at(0).items.at(1).items.at(1).text;
}

}  // namespace

TEST_CASE("groups: made with their stream, and found the next time") {
  const RedisServer server;
  const auto redis = server.connect();
  CHECK(missing_groups(*redis, queue) == Pairs{{"raibid:jobs", "raibid-workers"}});
  CHECK(create_groups(*redis, queue) == 1);
  CHECK(missing_groups(*redis, queue).empty());
  CHECK(create_groups(*redis, queue) == 0);
  CHECK(redis->command({"XLEN", "raibid:jobs"}).integer == 0);
  CHECK(redis->command({"XINFO", "GROUPS", "raibid:jobs"}).items.size() == 1);
}

TEST_CASE("groups: a job that was added before the group existed is delivered") {
  const RedisServer server;
  const auto redis = server.connect();
  redis->command({"XADD", "raibid:jobs", "*", "job_id", "early"});
  CHECK(create_groups(*redis, queue) == 1);
  CHECK(next_job(*redis) == "early");
}

TEST_CASE("groups: one that is there keeps its place") {
  const RedisServer server;
  const auto redis = server.connect();
  create_groups(*redis, queue);
  redis->command({"XADD", "raibid:jobs", "*", "job_id", "1"});
  CHECK(next_job(*redis) == "1");
  CHECK(create_groups(*redis, queue) == 0);
  CHECK(next_job(*redis).empty());
  CHECK(redis->command({"XPENDING", "raibid:jobs", "raibid-workers"}).items.at(0).integer == 1);
}

TEST_CASE("groups: several streams, only what is missing") {
  const RedisServer server;
  const auto redis = server.connect();
  const std::vector<StreamSpec> streams{{"a", {"one", "two"}, 0}, {"b", {"three"}, 0}, {"c", {}, 0}};
  redis->command({"XGROUP", "CREATE", "a", "two", "$", "MKSTREAM"});
  CHECK(missing_groups(*redis, streams) == Pairs{{"a", "one"}, {"b", "three"}});
  CHECK(create_groups(*redis, streams) == 2);
  CHECK(missing_groups(*redis, streams).empty());
  CHECK(redis->command({"EXISTS", "c"}).integer == 0);
}

TEST_CASE("groups: a key of that name that is not a stream is named with its type, and left alone") {
  const RedisServer server;
  const auto redis = server.connect();
  redis->command({"LPUSH", "raibid:jobs", "an old job"});
  for (const bool create : {true, false}) {
    const Error error =
        error_of([&] { create ? (void)create_groups(*redis, queue) : (void)missing_groups(*redis, queue); });
    CHECK(error.code() == ExitCode::failure);
    CHECK(has(error.message(), "the key raibid:jobs of this Redis is not a stream but a list"));
    CHECK(has(error.hint(), "--stream"));
  }
  CHECK(redis->command({"LLEN", "raibid:jobs"}).integer == 1);
}

TEST_CASE("groups: a full Redis says so") {
  const RedisServer server;
  const auto redis = server.connect();
  redis->command({"CONFIG", "SET", "maxmemory", "1"});
  const Error error = error_of([&] { create_groups(*redis, queue); });
  CHECK(has(error.message(), "creating group raibid-workers of stream raibid:jobs"));
  CHECK(has(error.message(), "OOM"));
  CHECK(has(error.hint(), "--memory-limit"));
}

TEST_CASE("settings: a server that runs with them differs in nothing") {
  const Directives wanted{{"appendonly", "yes"},
                          {"appendfsync", "everysec"},
                          {"maxmemory", "1gb"},
                          {"maxmemory-policy", "noeviction"},
                          {"save", "900 1"},
                          {"save", "300 10"},
                          {"notify-keyspace-events", "Ex"},
                          {"databases", "4"},
                          {"auto-aof-rewrite-min-size", "32mb"},
                          {"client-output-buffer-limit", "pubsub 64mb 16mb 90"},
                          {"tcp-keepalive", "60"},
                          {"latency-tracking-info-percentiles", "50 99"},
                          {"proc-title-template", "\"{title} here\""}};
  const RedisServer server(redis_conf(wanted));
  CHECK(differences(*server.connect(), wanted).empty());
}

TEST_CASE("settings: what differs, both ways as CONFIG SET takes it") {
  const RedisServer server("appendfsync always\n");
  const auto redis = server.connect();
  const Directives wanted{{"appendfsync", "everysec"}, {"save", "900 1"},
                          {"save", "300 10"},          {"notify-keyspace-events", "Exg"},
                          {"maxmemory", "307mb"},      {"client-output-buffer-limit", "pubsub 64mb 16mb 90"}};
  CHECK(differences(*redis, wanted) ==
        "appendfsync[always|everysec]save[|900 1 300 10]notify-keyspace-events[|Exg]maxmemory[0|307mb]"
        "client-output-buffer-limit[normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60|pubsub 64mb "
        "16mb 90]");
  const std::vector<Difference> before = config_differences(*redis, wanted);
  for (const Difference& difference : before)
    CHECK(redis->command({"CONFIG", "SET", difference.name, difference.wanted}).text == "OK");
  CHECK(differences(*redis, wanted).empty());
  for (const Difference& difference : before)
    CHECK(redis->command({"CONFIG", "SET", difference.name, difference.running}).text == "OK");
  CHECK(config_differences(*redis, wanted).size() == before.size());
}

TEST_CASE("settings: no snapshots") {
  const RedisServer server;
  const auto redis = server.connect();
  CHECK(differences(*redis, {{"save", ""}}).empty());
  redis->command({"CONFIG", "SET", "save", "3600 1"});
  CHECK(differences(*redis, {{"save", ""}}) == "save[3600 1|]");
  CHECK(redis->command({"CONFIG", "SET", "save", ""}).text == "OK");
}

TEST_CASE("describe_redis") {
  RedisServer server("appendonly yes\nmaxmemory 307mb\n");
  const std::string version = read_server_facts(*server.connect()).version;  // "valkey 8.1.1" for Valkey
  CHECK(describe_redis(*server.connect()) == "PONG · " + version + " · AOF everysec · maxmemory 307 MiB noeviction");
  const auto redis = server.connect();
  redis->command({"CONFIG", "SET", "appendonly", "no"});
  redis->command({"CONFIG", "SET", "maxmemory", "0"});
  CHECK(describe_redis(*redis) == "PONG · " + version + " · no persistence · no maxmemory");
  redis->command({"CONFIG", "SET", "save", "60 1"});
  CHECK(has(describe_redis(*redis), " · snapshots · "));
}

TEST_CASE("wait_for_pong: a server that is still loading, with its progress") {
  RedisServer server;
  const auto filler = server.connect();
  for (int at = 0; at < 2000; ++at) filler->command({"SET", "key:" + std::to_string(at), std::string(200, 'v')});
  filler->command({"SAVE"});
  server.stop();
  server.start("key-load-delay 500\nloading-process-events-interval-bytes 1024\n",
               false);  // a second or more for 2000 keys
  HiredisConnector connector(test::real_runner());
  std::vector<std::string> heard;
  Runner& runner = real_runner();
  const auto redis = wait_for_pong(connector, server.endpoint(), runner, runner.now() + 30s,
                                   [&](const std::string& text) { heard.push_back(text); });
  CHECK(redis->command({"DBSIZE"}).integer == 2000);
  // on a busy machine it is first heard that nothing listens yet
  CHECK(std::any_of(heard.begin(), heard.end(),
                    [](const std::string& text) { return has(text, "Redis is loading its data ("); }));
}

TEST_CASE("wait_for_pong: nobody listens until the deadline") {
  RedisServer server;
  server.stop();
  HiredisConnector connector(test::real_runner());
  Runner& runner = real_runner();
  const TimePoint start = runner.now();
  const Error error = error_of([&] { wait_for_pong(connector, server.endpoint(), runner, start + 500ms, nullptr); });
  CHECK(has(error.message(), "Connection refused"));
  CHECK(runner.now() - start >= 500ms);
  CHECK(runner.now() - start < 5s);
}

TEST_CASE("wait_for_pong: a server that comes up meanwhile") {
  RedisServer server;
  server.stop();
  HiredisConnector connector(test::real_runner());
  Runner& runner = real_runner();
  bool started = false;
  const auto start_it = [&](const std::string&) {
    if (!started) server.start("", false);
    started = true;
  };
  CHECK(wait_for_pong(connector, server.endpoint(), runner, runner.now() + 30s, start_it)->command({"PING"}).text ==
        "PONG");
  CHECK(started);
}

TEST_CASE("wait_for_pong: a wrong password, a missing one and one too many end the wait at once") {
  const RedisServer server("requirepass swordfish\n");
  const RedisServer open_server;
  HiredisConnector connector(test::real_runner());
  Runner& runner = real_runner();
  const auto refusal = [&](const RedisEndpoint& endpoint) {
    const TimePoint start = runner.now();
    const Error error = error_of([&] { wait_for_pong(connector, endpoint, runner, start + 1min, nullptr); });
    CHECK(runner.now() - start < 10s);
    return error.message();
  };
  CHECK(has(refusal(server.endpoint("wrong")), "refuses the password"));
  CHECK(has(refusal(server.endpoint()), "asks for a password"));
  CHECK(has(refusal(open_server.endpoint("one-too-many")), "has no password set"));
  CHECK(wait_for_pong(connector, server.endpoint("swordfish"), runner, runner.now() + 30s, nullptr));
}

TEST_CASE("wait_for_pong: a Redis that cannot write says so") {
  const RedisServer server;
  const auto redis = server.connect();
  redis->command({"CONFIG", "SET", "save", "3600 100000"});
  redis->command({"CONFIG", "SET", "rdbcompression", "yes"});
  std::filesystem::create_directory(server.folder() / "dump.rdb");  // in the way of every snapshot
  redis->command({"SET", "k", "v"});
  CHECK(redis->command({"BGSAVE"}).text == "Background saving started");
  Runner& runner = real_runner();
  const TimePoint until = runner.now() + 20s;
  const auto failed = [&] {
    return parse_info(redis->command({"INFO", "persistence"}).text).at("rdb_last_bgsave_status") == "err";
  };
  while (!failed() && runner.now() < until) runner.wait({}, runner.now() + 20ms);
  REQUIRE(failed());
  HiredisConnector connector(test::real_runner());
  const Error error =
      error_of([&] { wait_for_pong(connector, server.endpoint(), runner, runner.now() + 1min, nullptr); });
  CHECK(has(error.message(), "MISCONF"));
  CHECK(has(error.hint(), "volume full"));
}

}  // namespace raibid::queue_test
