#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/presets.hpp"
#include "components/redis/commands/smoke/asynq.hpp"
#include "components/redis/commands/smoke/operation.hpp"
#include "components/redis/settings/options.hpp"
#include "components/redis/settings/settings.hpp"
#include "config/option.hpp"
#include "support/cli.hpp"
#include "support/readers.hpp"
#include "support/redis_server.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

using Words = std::vector<std::string>;

/// Between an operation and Redis: what a broken server, or another writer, does to it.
class Meddler {
 public:
  /// Sees each command before it goes out, and may change it.
  using Change = std::function<void(Words& command)>;

  Meddler(const RedisServer& server, Change change) : m_server(server), m_change(std::move(change)) {}

  std::unique_ptr<RedisConnection> connect() { return std::make_unique<Connection>(m_server.connect(), m_change); }

 private:
  class Connection final : public RedisConnection {
   public:
    Connection(std::unique_ptr<RedisConnection> redis, const Change& change)
        : m_redis(std::move(redis)), m_change(change) {}
    RedisReply command(const Words& arguments) override { return m_redis->command(changed(arguments)); }
    std::vector<RedisReply> pipeline(const std::vector<Words>& commands) override {
      std::vector<Words> all;
      for (const Words& arguments : commands) all.push_back(changed(arguments));
      return m_redis->pipeline(all);
    }
    void send(const Words& arguments) override { m_redis->send(changed(arguments)); }
    RedisReply receive() override { return m_redis->receive(); }

   private:
    Words changed(Words arguments) const {
      if (m_change) m_change(arguments);
      return arguments;
    }
    std::unique_ptr<RedisConnection> m_redis;
    const Change& m_change;
  };

  const RedisServer& m_server;
  Change m_change;
};

struct Outcome {
  bool passed = false;
  std::string text;
  std::int64_t left = 0;  ///< keys that are there afterwards
};

const Preset& preset_of(const std::string& operation) {
  static const std::vector<Preset> presets = [] {
    std::vector<OptionSpec> options = global_options();
    for (const OptionSpec& option : redis_options()) options.push_back(option);
    std::vector<Preset> all;
    for (const std::string& name : builtin_presets()) all.push_back(load_preset(name, options));
    return all;
  }();
  for (const Preset& preset : presets) {
    for (const SmokeOperation& row : preset.smoke) {
      if (row.name == operation) return preset;
    }
  }
  FAIL("no preset has the operation " << operation);
  return presets.front();
}

/// One operation as its preset has it, on that server.
Outcome smoke(const RedisServer& server, const std::string& name, const Meddler::Change& change = {},
              SmokeParameters more = {}) {
  const Preset& preset = preset_of(name);
  Meddler meddler(server, change);
  const std::unique_ptr<RedisConnection> outside = server.connect();
  for (const StreamSpec& stream : preset.streams) {
    for (const std::string& group : stream.groups)
      outside->command({"XGROUP", "CREATE", stream.name, group, "0", "MKSTREAM"});
  }
  const std::int64_t before = checked(*outside, {"DBSIZE"}).integer;
  SmokeBench bench([&] { return meddler.connect(); }, preset, "0123abcd", real_runner());
  Outcome outcome;
  for (const SmokeOperation& row : preset.smoke) {
    if (row.name == name) more.insert(row.parameters.begin(), row.parameters.end());
  }
  for (const SmokeTest& test : smoke_tests()) {
    if (test.name != name) continue;
    try {
      outcome.text = test.run(bench, more);
      outcome.passed = true;
    } catch (const Error& error) {
      outcome.text = error.message();
    }
  }
  bench.clean();
  outcome.left = checked(*outside, {"DBSIZE"}).integer - before;
  return outcome;
}

bool has(const Outcome& outcome, const std::string& part) {
  return !outcome.passed && outcome.text.find(part) != std::string::npos;
}

void drop(Words& command, const std::string& word) { std::erase(command, word); }

bool is(const Words& command, const std::string& name) { return command.front() == name; }

constexpr const char* with_events = "notify-keyspace-events Ex\n";

}  // namespace

TEST_CASE("smoke: every operation of every preset holds on a Redis as it should be, and leaves nothing") {
  const RedisServer server(with_events);
  for (const SmokeTest& test : smoke_tests()) {
    const Outcome outcome = smoke(server, std::string(test.name));
    INFO(test.name << ": " << outcome.text);
    CHECK(outcome.passed);
    CHECK(outcome.left == 0);
  }
}

TEST_CASE(
    "smoke stream-queue, dead-consumer and stream-limit fail when jobs are lost, doubled, kept, or the group is "
    "missing") {
  const RedisServer server;
  CHECK(has(smoke(server, "stream-queue",
                  [&](Words& c) {
                    if (is(c, "XINFO")) checked(*server.connect(), {"DEL", "raibid:jobs"});
                  }),
            "XINFO"));
  CHECK(has(smoke(server, "stream-queue",
                  [&](Words& c) {
                    if (is(c, "XINFO"))
                      checked(*server.connect(), {"XGROUP", "DESTROY", "raibid:jobs", "raibid-workers"});
                  }),
            "has no group raibid-workers"));
  int reads = 0;
  const auto once_lost = [&](Words& c) {
    if (is(c, "XREADGROUP") && ++reads == 1) checked(*server.connect(), {"XTRIM", c.at(c.size() - 2), "MAXLEN", "150"});
  };
  CHECK(has(smoke(server, "stream-queue", once_lost), "of 200 jobs were delivered"));
  CHECK(has(smoke(server, "stream-queue",
                  [](Words& c) {
                    if (is(c, "XACK")) c.back() = "0-1";
                  }),
            "acknowledged nothing"));
  CHECK(has(smoke(server, "dead-consumer",
                  [](Words& c) {
                    if (is(c, "XAUTOCLAIM")) c.at(4) = "3600000";
                  }),
            "0 of 5 jobs could be claimed"));
  CHECK(has(smoke(server, "dead-consumer",
                  [](Words& c) {
                    if (is(c, "XAUTOCLAIM")) c.at(4) = "0";
                  }),
            "still be at work"));
  CHECK(has(smoke(server, "stream-limit",
                  [](Words& c) {
                    if (is(c, "XADD")) c.erase(c.begin() + 2, c.begin() + 4);
                  }),
            "10501 entries instead of 10000"));
}

TEST_CASE("smoke job-store fails when jobs can be evicted, or an update can be lost") {
  const RedisServer evicting("maxmemory-policy allkeys-lru\n");
  CHECK(has(smoke(evicting, "job-store"), "allkeys-lru"));
  const RedisServer server;
  CHECK(has(smoke(server, "job-store",
                  [](Words& c) {
                    if (is(c, "WATCH")) c = {"PING"};
                  }),
            "overwrote another replica's"));
  CHECK(has(smoke(server, "job-store",
                  [](Words& c) {
                    if (is(c, "SET")) c.insert(c.end(), {"EX", "100"});
                  }),
            "without expiry"));
  // a second writer, who changes what was just stored
  CHECK(has(smoke(server, "job-store",
                  [&](Words& c) {
                    if (is(c, "GET")) checked(*server.connect(), {"SET", c.at(1), "theirs"});
                  }),
            ""));
  const RedisServer renamed("rename-command WATCH \"\"\n");
  CHECK(has(smoke(renamed, "job-store"), "WATCH"));
}

TEST_CASE("smoke claim-contention fails when a claim is not atomic") {
  const RedisServer server;
  CHECK(has(smoke(server, "claim-contention", [](Words& c) { drop(c, "NX"); }), "was claimed twice"));
  CHECK(has(smoke(server, "claim-contention",
                  [](Words& c) {
                    if (is(c, "WATCH")) c = {"PING"};
                  }),
            "was claimed twice"));
  CHECK(has(smoke(server, "claim-contention",
                  [&](Words& c) {
                    if (is(c, "EXEC")) {
                      const auto other = server.connect();
                      for (const RedisReply& key : checked(*other, {"KEYS", "*"}).items)
                        checked(*other, {"SET", key.text, "theirs"});
                    }
                  }),
            "claimed by nobody"));
}

TEST_CASE("smoke ttl-hashes and index-sets fail without expiry, and when sets and jobs part") {
  const RedisServer server;
  CHECK(has(smoke(server, "ttl-hashes",
                  [](Words& c) {
                    if (is(c, "PEXPIRE")) c = {"EXISTS", c.at(1)};
                  }),
            "no time to live"));
  CHECK(has(smoke(server, "ttl-hashes",
                  [](Words& c) {
                    if (is(c, "PEXPIRE")) c.at(2) = "3600000";
                  }),
            "should live for 86400 s"));
  CHECK(has(smoke(server, "ttl-hashes",
                  [](Words& c) {
                    if (is(c, "HSET")) c.back() = "cut";
                  }),
            "another"));
  CHECK(has(smoke(server, "index-sets",
                  [](Words& c) {
                    if (is(c, "SREM")) c = {"PING"};
                  }),
            "is listed as"));
  CHECK(has(smoke(server, "index-sets",
                  [](Words& c) {
                    if (is(c, "SADD")) c = {"PING"};
                  }),
            "the sets list"));
  CHECK(has(smoke(server, "index-sets",
                  [](Words& c) {
                    if (is(c, "WATCH")) c = {"PING"};
                  }),
            "two instances"));
  // as an eviction does it
  CHECK(has(smoke(server, "index-sets",
                  [&](Words& c) {
                    if (is(c, "HGET")) checked(*server.connect(), {"DEL", c.at(1)});
                  }),
            "is gone"));
}

TEST_CASE("smoke asynq-queue fails when scripts are off, tasks are evicted, or a queue is paused") {
  const RedisServer renamed("rename-command EVAL \"\"\n");
  CHECK(has(smoke(renamed, "asynq-queue"), "EVAL"));
  const RedisServer server;
  const auto is_dequeue = [](const Words& c) {
    return is(c, "EVAL") && c.at(1).find("RPOPLPUSH") != std::string::npos;
  };
  CHECK(has(smoke(server, "asynq-queue",
                  [&](Words& c) {
                    if (is_dequeue(c)) checked(*server.connect(), {"SET", c.at(6), "1"});
                  }),
            "0 of 5 tasks"));
  CHECK(has(smoke(server, "asynq-queue",
                  [&](Words& c) {
                    if (is_dequeue(c)) checked(*server.connect(), {"DEL", c.at(3)});
                  }),
            "0 of 5 tasks"));
  CHECK(has(smoke(server, "asynq-queue",
                  [&](Words& c) {
                    if (is_dequeue(c)) c.at(1).replace(c.at(1).find("RPOPLPUSH"), 9, "LMOVE");
                  }),
            ""));
  CHECK(has(smoke(server, "asynq-queue", {}, {{"queues", "critical=much"}}), "no weight"));
  CHECK(has(smoke(server, "asynq-queue", {}, {{"max-retry", "often"}}), "max-retry"));
}

TEST_CASE("smoke cache-ttl fails without expiry events, with an entry that stays, and with a lock for everyone") {
  const RedisServer silent;
  CHECK(has(smoke(silent, "cache-ttl"), "no event came"));
  CHECK(smoke(silent, "cache-ttl", {}, {{"events", ""}}).passed);
  const RedisServer server(with_events);
  CHECK(has(smoke(server, "cache-ttl", [](Words& c) { drop(c, "NX"); }), "given to two"));
  CHECK(has(smoke(server, "cache-ttl",
                  [](Words& c) {
                    if (is(c, "SET") && c.at(3) == "PX") c.resize(3);
                  }),
            "no time to live"));
  CHECK(has(smoke(server, "cache-ttl",
                  [](Words& c) {
                    if (is(c, "DEL")) c = {"PING"};
                  }),
            "still there"));
}

TEST_CASE("smoke of the pods' cache fails with a stampede, a deaf pod, a lock that can go, and a late writer") {
  const RedisServer server;
  CHECK(has(smoke(server, "get-or-set", [](Words& c) { drop(c, "NX"); }), "pods made the entry"));
  CHECK(has(smoke(server, "get-or-set",
                  [](Words& c) {
                    if (is(c, "SET") && c.at(3) == "PX") c.resize(3);
                  }),
            "no time to live"));
  int subscribers = 0;
  CHECK(has(smoke(server, "pubsub-invalidation",
                  [&](Words& c) {
                    if (is(c, "SUBSCRIBE") && ++subscribers == 3)
                      for (auto& word : c)
                        if (word.find(':') != std::string::npos) word += "-other";
                  }),
            "7 of 8 pods were told"));
  const RedisServer renamed("rename-command SUBSCRIBE \"\"\n");
  CHECK(has(smoke(renamed, "pubsub-invalidation"), "SUBSCRIBE"));
  const RedisServer evicting("maxmemory-policy volatile-lru\n");
  CHECK(has(smoke(evicting, "fencing-locks"), "drop a lock"));
  const auto without_nx = [](Words& c) {
    if (const auto at = is(c, "EVAL") ? c.at(1).find("'NX', ") : std::string::npos; at != std::string::npos)
      c.at(1).erase(at, 6);
  };
  CHECK(has(smoke(server, "fencing-locks", without_nx), "given to two pods"));
  const auto same_token = [](Words& c) {
    if (const auto at = is(c, "EVAL") ? c.at(1).find("redis.call('INCR', KEYS[2])") : std::string::npos;
        at != std::string::npos)
      c.at(1).replace(at, 27, "7");
  };
  CHECK(has(smoke(server, "fencing-locks", same_token), "token is not larger"));
  CHECK(has(smoke(server, "fallback",
                  [](Words& c) {
                    if (is(c, "CLIENT") && c.at(1) == "KILL") c = {"CLIENT", "GETNAME"};
                  }),
            "could not be cut"));
  const RedisServer no_kill("rename-command CLIENT \"\"\n");
  CHECK_THROWS_AS(smoke(no_kill, "fallback"), NotPermitted);  // shown as –: see external_test.cpp
}

TEST_CASE(
    "smoke's Asynq keys are the library's: it processes our tasks, its Inspector sees them, and we take its own") {
  if (readers().empty()) return;
  const RedisServer server;
  const std::string address = fmt::format("127.0.0.1:{}", server.port());
  const std::unique_ptr<RedisConnection> redis = server.connect();
  const std::int64_t now = std::stoll(checked(*redis, {"TIME"}).items.at(0).text);

  // ours, in three states
  const AsynqQueue queue("ours");
  queue.announce(*redis);
  AsynqTask task;
  task.type = "ai:generation";
  task.payload = R"({"course":7})";
  task.queue = "ours";
  task.retry = 3;
  for (const char* id : {"fails", "dies", "waits"}) {
    task.id = id;
    REQUIRE(queue.enqueue(*redis, task, now * 1'000'000'000));
  }
  checked(*redis, queue.dequeue_command(now + 30));
  checked(*redis, queue.dequeue_command(now + 30));
  task.error = "it failed";
  task.retried = 1;
  task.last_failed_at = now;
  task.id = "fails";
  REQUIRE(queue.retry_at(*redis, task, now + 3600, "2025-01-01"));
  task.id = "dies";
  REQUIRE(queue.archive(*redis, task, now, "2025-01-01"));
  const nlohmann::json seen = read_by({"asynq-inspect", address, "ours"});
  CHECK(seen.at("info").at("Pending") == 1);
  CHECK(seen.at("retry").at(0).at("ID") == "fails");
  CHECK(seen.at("retry").at(0).at("Retried") == 1);
  CHECK(seen.at("retry").at(0).at("LastErr") == "it failed");
  CHECK(seen.at("archived").at(0).at("ID") == "dies");
  CHECK(seen.at("info").at("FailedTotal") == 2);
  const nlohmann::json done = read_by({"asynq-process", address, "ours=1", "1"});
  REQUIRE(done.size() == 1);
  CHECK(done.at(0).at("ID") == "waits");
  CHECK(done.at(0).at("Type") == "ai:generation");
  CHECK(done.at(0).at("Payload") == R"({"course":7})");
  CHECK(queue.count(*redis, "pending") == 0);

  // the library's own: a strict priority, and the keys that export keda looks at
  const nlohmann::json ids = read_by({"asynq-enqueue", address});
  CHECK(checked(*redis, {"LLEN", "asynq:{low}:pending"}).integer == 1);
  const AsynqQueue low("low");
  const std::string message = checked(*redis, low.dequeue_command(now + 30)).text;
  CHECK(message.find("cleanup:expired") != std::string::npos);
  CHECK(low.done(*redis, ids.at("low"), "2025-01-01"));
  const nlohmann::json rest = read_by({"asynq-process", address, "critical=6,default=3,low=1", "2"});
  REQUIRE(rest.size() == 2);
  CHECK(rest.at(0).at("Queue") == "critical");
  CHECK(rest.at(1).at("Queue") == "default");
}
