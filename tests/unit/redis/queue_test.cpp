#include "components/redis/server/connect.hpp"
#include "components/redis/server/running_config.hpp"

#include <doctest/doctest.h>

#include "fakes/fake_redis.hpp"
#include "fakes/fake_runner.hpp"
#include "support/thrown.hpp"

using namespace raibid;
using namespace raibid::test;
using namespace std::chrono_literals;

namespace {

RedisEndpoint somewhere(const std::string& password = {}) { return {"127.0.0.1", 21000, "", Secret(password)}; }

/// Answers CONFIG GET with these, and nothing else.
FakeRedis with_config(std::map<std::string, std::string> config) {
  return FakeRedis([config = std::move(config)](const std::string& command) {
    const std::string name = command.substr(std::string("CONFIG GET ").size());
    const auto found = config.find(name);
    if (found == config.end()) return FakeRedis::list({});
    return FakeRedis::list({FakeRedis::text(name), FakeRedis::text(found->second)});
  });
}

std::string differences(std::map<std::string, std::string> running, const Directives& wanted) {
  FakeRedis redis = with_config(std::move(running));
  std::string text;
  for (const Difference& difference : config_differences(*redis.connect({"", 0}, 1s), wanted)) {
    text += difference.name + "[" + difference.running + "|" + difference.wanted + "]";
  }
  return text;
}

}  // namespace

TEST_CASE("wait_for_pong: a Redis that answers is not waited for") {
  FakeRunner runner;
  FakeRedis redis([](const std::string& command) { return FakeRedis::status(command == "PING" ? "PONG" : "OK"); });
  CHECK(wait_for_pong(redis, somewhere("swordfish"), runner, runner.now() + 1min, nullptr));
  CHECK(redis.commands == std::vector<std::string>{"AUTH swordfish", "PING"});
  CHECK(runner.waits() == 0);
}

TEST_CASE("wait_for_pong: a user's name goes with the password, and no password sends no AUTH") {
  FakeRunner runner;
  FakeRedis redis([](const std::string& command) { return FakeRedis::status(command == "PING" ? "PONG" : "OK"); });
  RedisEndpoint endpoint = somewhere("swordfish");
  endpoint.username = "worker";
  CHECK(wait_for_pong(redis, endpoint, runner, runner.now() + 1min, nullptr));
  CHECK(wait_for_pong(redis, somewhere(), runner, runner.now() + 1min, nullptr));
  CHECK(redis.commands == std::vector<std::string>{"AUTH worker swordfish", "PING", "PING"});
}

TEST_CASE("wait_for_pong: refused connections are tried again, often at first and four times a second later") {
  FakeRunner runner;
  FakeRedis redis([](const std::string&) { return FakeRedis::status("PONG"); });
  redis.refuse = 120;
  const TimePoint start = runner.now();
  std::vector<Duration> pauses;
  TimePoint last = start;
  runner.on_wait([&](int number) {
    if (number > 1) pauses.push_back(std::chrono::duration_cast<Duration>(runner.now() - last));
    last = runner.now();
  });
  std::vector<std::string> heard;
  CHECK(
      wait_for_pong(redis, somewhere(), runner, start + 1min, [&](const std::string& text) { heard.push_back(text); }));
  CHECK(redis.connections == 121);
  REQUIRE(pauses.size() == 119);
  CHECK(pauses.front() <= 20ms);
  CHECK(pauses.front() > 0ms);
  CHECK(pauses.back() == 250ms);
  CHECK(std::is_sorted(pauses.begin(), pauses.end()));
  CHECK(heard == std::vector<std::string>{"cannot connect to Redis at 127.0.0.1:21000: Connection refused"});
}

TEST_CASE("wait_for_pong: a server that has just been started is not worth a line") {
  FakeRunner runner;
  FakeRedis redis([](const std::string&) { return FakeRedis::status("PONG"); });
  redis.refuse = 4;
  CHECK(wait_for_pong(redis, somewhere(), runner, runner.now() + 1min, [](const std::string& text) { FAIL(text); }));
}

TEST_CASE("wait_for_pong: loading is waited for, with its progress") {
  FakeRunner runner;
  int asked = 0;
  FakeRedis redis([&](const std::string& command) {
    if (command == "PING")
      return asked < 60 ? FakeRedis::error("LOADING Redis is loading the dataset in memory")
                        : FakeRedis::status("PONG");
    ++asked;
    return FakeRedis::text("# Persistence\r\nloading:1\r\nloading_loaded_perc:" + std::to_string(asked) + ".50\r\n");
  });
  std::vector<std::string> heard;
  TimePoint last = runner.now();
  CHECK(wait_for_pong(redis, somewhere(), runner, runner.now() + 1min, [&](const std::string& text) {
    CHECK(text == "Redis is loading its data (" + std::to_string(asked) + ".50 %)");
    CHECK(runner.now() - last >= 250ms);  // asked more often than it is told
    last = runner.now();
    heard.push_back(text);
  }));
  CHECK(heard.size() > 1);
  CHECK(heard.size() < 10);
}

TEST_CASE("wait_for_pong: a connection that breaks is a port-forward that is not up yet") {
  FakeRunner runner;
  int pings = 0;
  FakeRedis redis([&](const std::string&) -> RedisReply {
    if (++pings < 3) throw Error(ExitCode::failure, "Redis at 127.0.0.1:21000 closed the connection");
    return FakeRedis::status("PONG");
  });
  CHECK(wait_for_pong(redis, somewhere(), runner, runner.now() + 1min, nullptr));
  CHECK(redis.connections == 3);
}

TEST_CASE("wait_for_pong: what no waiting heals is thrown at once, without the password") {
  for (const char* said :
       {"WRONGPASS invalid username-password pair or user is disabled.", "NOAUTH Authentication required.",
        "ERR AUTH <password> called without any password configured for the default user.",
        "DENIED Redis is running in protected mode", "MISCONF Redis is configured to save RDB snapshots"}) {
    CAPTURE(said);
    FakeRunner runner;
    FakeRedis redis([&](const std::string& command) {
      const bool about_writes = std::string(said).starts_with("MISCONF");
      return about_writes && command != "PING" ? FakeRedis::status("OK") : FakeRedis::error(said);
    });
    const Error error =
        error_of([&] { wait_for_pong(redis, somewhere("swordfish"), runner, runner.now() + 1min, nullptr); });
    CHECK(error.code() == ExitCode::failure);
    CHECK_FALSE(has(error.message() + error.hint(), "swordfish"));
    CHECK_FALSE(error.hint().empty());
    CHECK(runner.waits() == 0);
  }
}

TEST_CASE("wait_for_pong: the deadline says what was waited for") {
  FakeRunner runner;
  FakeRedis redis([](const std::string& command) {
    return command == "PING" ? FakeRedis::error("BUSY Redis is busy running a script") : FakeRedis::status("OK");
  });
  const TimePoint deadline = runner.now() + 5s;
  const Error error = error_of([&] { wait_for_pong(redis, somewhere(), runner, deadline, nullptr); });
  CHECK(has(error.message(), "no PONG from 127.0.0.1:21000 in time: Redis is busy with a script"));
  CHECK(has(error.hint(), "--timeout"));
  CHECK(runner.now() == deadline);
}

TEST_CASE("wait_for_pong: a signal ends it") {
  FakeRunner runner;
  FakeRedis redis([](const std::string&) { return FakeRedis::status("PONG"); });
  redis.refuse = 1000;
  runner.interrupt_wait(3, SIGTERM);
  CHECK(signal_of([&] { wait_for_pong(redis, somewhere(), runner, runner.now() + 1min, nullptr); }) == SIGTERM);
  CHECK(redis.connections == 3);
}

TEST_CASE("wait_for_pong: who hears of the progress may end it") {
  FakeRunner runner;
  FakeRedis redis([](const std::string&) { return FakeRedis::status("PONG"); });
  redis.refuse = 1000;
  const auto give_up = [](const std::string&) { throw Error(ExitCode::failure, "the server has died"); };
  CHECK(has(error_of([&] { wait_for_pong(redis, somewhere(), runner, runner.now() + 1min, give_up); }).message(),
            "has died"));
}

TEST_CASE("config_differences: as Redis means the values") {
  CHECK(differences({{"maxmemory", "1073741824"}}, {{"maxmemory", "1gb"}}).empty());
  CHECK(differences({{"maxmemory", "321912832"}}, {{"maxmemory", "307mb"}}).empty());
  CHECK(differences({{"maxmemory", "1073741824"}}, {{"maxmemory", "1g"}}) == "maxmemory[1073741824|1g]");
  CHECK(differences({{"appendonly", "yes"}}, {{"appendonly", "YES"}}).empty());
  CHECK(differences({{"appendonly", "no"}}, {{"appendonly", "yes"}}) == "appendonly[no|yes]");
  CHECK(differences({{"maxmemory-policy", "noeviction"}}, {{"maxmemory-policy", "allkeys-lru"}}) ==
        "maxmemory-policy[noeviction|allkeys-lru]");
  CHECK(differences({{"proc-title-template", "a b"}}, {{"proc-title-template", "\"a b\""}}).empty());
  CHECK(differences({}, {}).empty());
}

TEST_CASE("config_differences: save lines are one value") {
  const Directives three{{"save", "900 1"}, {"save", "300 10"}, {"save", "60 10000"}};
  CHECK(differences({{"save", "900 1 300 10 60 10000"}}, three).empty());
  CHECK(differences({{"save", "900 1 300 10"}}, three) == "save[900 1 300 10|900 1 300 10 60 10000]");
  CHECK(differences({{"save", ""}}, {{"save", ""}}).empty());
  CHECK(differences({{"save", ""}}, {{"save", "\"\""}}).empty());
  CHECK(differences({{"save", "3600 1"}}, {{"save", ""}}) == "save[3600 1|]");
  CHECK(differences({{"save", "300 10"}}, {{"save", "900 1"}, {"save", ""}, {"save", "300 10"}}).empty());
}

TEST_CASE("config_differences: keyspace events are a set of letters") {
  CHECK(differences({{"notify-keyspace-events", "xE"}}, {{"notify-keyspace-events", "Ex"}}).empty());
  CHECK(differences({{"notify-keyspace-events", "AKE"}}, {{"notify-keyspace-events", "KEg$lshzxetd"}}).empty());
  CHECK(differences({{"notify-keyspace-events", "xK"}}, {{"notify-keyspace-events", "Ex"}}) ==
        "notify-keyspace-events[xK|Ex]");
  CHECK(differences({{"notify-keyspace-events", "xe"}}, {{"notify-keyspace-events", "xE"}}) ==
        "notify-keyspace-events[xe|xE]");
  CHECK(differences({{"notify-keyspace-events", ""}}, {{"notify-keyspace-events", ""}}).empty());
}

TEST_CASE("config_differences: output buffer limits are compared by class") {
  const std::map<std::string, std::string> running{
      {"client-output-buffer-limit", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"}};
  CHECK(differences(running, {{"client-output-buffer-limit", "pubsub 32mb 8mb 60"}}).empty());
  CHECK(differences(running, {{"client-output-buffer-limit", "replica 256mb 64mb 60"},
                              {"client-output-buffer-limit", "normal 0 0 0"}})
            .empty());
  CHECK_FALSE(differences(running, {{"client-output-buffer-limit", "pubsub 64mb 8mb 60"}}).empty());
  CHECK_FALSE(differences(running, {{"client-output-buffer-limit", "other 0 0 0"}}).empty());
}

TEST_CASE(
    "config_differences: the last line counts; what CONFIG GET does not know is one, unless it is read at the start "
    "only") {
  CHECK(differences({{"hz", "20"}}, {{"hz", "10"}, {"hz", "20"}}).empty());
  CHECK(differences({{"hz", "20"}}, {{"rename-command", "FLUSHALL \"\""}, {"hz", "20"}}).empty());
  CHECK(differences({}, {{"no-such-directive", "1"}}) == "no-such-directive[unknown to this Redis|1]");
}

TEST_CASE("config_differences: a refusal is an error") {
  FakeRedis redis([](const std::string&) {
    return FakeRedis::error("NOPERM this user has no permissions to run the 'config|get' command");
  });
  const Error error = error_of([&] { config_differences(*redis.connect({"", 0}, 1s), {{"hz", "10"}}); });
  CHECK(has(error.message(), "hz"));
  CHECK(has(error.message(), "NOPERM"));
}

TEST_CASE("about_less_memory: what is there has to fit into a lower maxmemory") {
  std::string running = "maxmemory:400000000\r\n";
  FakeRedis redis([&](const std::string& command) {
    CHECK(command == "INFO memory");
    return FakeRedis::text("# Memory\r\nused_memory:300000000\r\n" + running);
  });
  const auto said = [&](const Directives& wanted) {
    return about_less_memory(*redis.connect({"", 0}, 1s), wanted, "the hint");
  };
  CHECK(said({{"maxmemory", "350mb"}}).empty());
  CHECK(said({{"maxmemory", "0"}}).empty());
  CHECK(said({}).empty());
  const Error error = error_of([&] { said({{"maxmemory", "100mb"}, {"appendonly", "yes"}}); });
  CHECK(error.code() == ExitCode::preflight);
  CHECK(std::string(error.message()).find("maxmemory would be 100 MiB") != std::string::npos);
  CHECK(error.hint() == "the hint");
  CHECK(said({{"maxmemory", "100mb"}, {"maxmemory-policy", "allkeys-lru"}}).find("drops keys (allkeys-lru)") !=
        std::string::npos);
  running = "maxmemory:90000000\r\n";  // full already: this change makes it no worse
  CHECK(said({{"maxmemory", "100mb"}}).empty());
  running = "maxmemory:0\r\n";
  CHECK(error_of([&] { said({{"maxmemory", "100mb"}}); }).code() == ExitCode::preflight);
}
