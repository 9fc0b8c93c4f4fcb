#include "components/redis/server/handover.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "fakes/fake_redis.hpp"
#include "fakes/fake_runner.hpp"
#include "support/thrown.hpp"
#include "support/topologies.hpp"

namespace raibid::handover_test {

using namespace raibid::test;

namespace {

const std::string pause_line = "CLIENT PAUSE 15000 WRITE";

/// Redis servers and sentinels that do what a failover does, as far as a client sees it.
class FakeNodes final : public Nodes {
 public:
  std::string failover_says = "OK";
  int busy = 0;  ///< so many times a sentinel refuses with `refusal`
  std::string refusal = "INPROG Failover already in progress";
  std::string refused;  ///< a command that the master refuses
  int lag_looks = 0;    ///< so many looks a replica is behind
  bool promotes = true;
  std::map<int, std::vector<std::string>> asked;           ///< of servers
  std::map<int, std::vector<std::string>> sentinel_asked;  ///< of sentinels
  int master = 0;
  std::map<int, std::string> priority;

  std::unique_ptr<RedisConnection> node(int ordinal, TimePoint) override {
    auto fake = std::make_unique<FakeRedis>([this, ordinal](const std::string& line) { return answer(ordinal, line); });
    return connect(std::move(fake));
  }
  std::unique_ptr<RedisConnection> sentinel(int ordinal, TimePoint) override {
    auto fake = std::make_unique<FakeRedis>(
        [this, ordinal](const std::string& line) { return sentinel_answer(ordinal, line); });
    return connect(std::move(fake));
  }

  /// As a pod that has restarted: master and sentinels agree.
  Topology seen = healthy();
  Topology look(TimePoint) override {
    ++looks;
    Topology now = seen;
    if (handed_over()) return as_if_master(now, master);
    return now;
  }
  int looks = 0;

  bool was_asked(int ordinal, const std::string& line) const {
    const auto found = asked.find(ordinal);
    return found != asked.end() && std::count(found->second.begin(), found->second.end(), line) > 0;
  }

 private:
  bool handed_over() const {
    return std::any_of(sentinel_asked.begin(), sentinel_asked.end(), [](const auto& of) {
      return std::count(of.second.begin(), of.second.end(), "SENTINEL FAILOVER mymaster") > 0;
    });
  }
  std::unique_ptr<RedisConnection> connect(std::unique_ptr<FakeRedis> fake) {
    m_fakes.push_back(std::move(fake));
    return m_fakes.back()->connect({}, Duration(1000));
  }
  RedisReply answer(int ordinal, const std::string& line) {
    asked[ordinal].push_back(line);
    if (!refused.empty() && line.starts_with(refused)) return FakeRedis::error("ERR not now");
    if (line == "INFO server") return FakeRedis::text("run_id:run-" + std::to_string(ordinal) + "\r\n");
    if (line == "INFO replication") {
      if (ordinal == master) return FakeRedis::text("role:master\r\nmaster_repl_offset:500\r\n");
      const bool behind = lag_looks > 0 && lag_looks-- > 0;
      return FakeRedis::text(std::string("role:slave\r\nmaster_host:10.0.0.0\r\nmaster_link_status:up\r\n") +
                             "slave_repl_offset:" + (behind ? "400" : "500") + "\r\n");
    }
    if (line.starts_with("CONFIG GET")) {
      return FakeRedis::list(
          {FakeRedis::text("replica-announce-ip"), FakeRedis::text("10.0.0." + std::to_string(ordinal))});
    }
    if (line.starts_with("CONFIG SET replica-priority ")) priority[ordinal] = line.substr(line.rfind(' ') + 1);
    return FakeRedis::status("OK");
  }
  RedisReply sentinel_answer(int ordinal, const std::string& line) {
    sentinel_asked[ordinal].push_back(line);
    if (line == "SENTINEL FAILOVER mymaster") {
      if (busy > 0 && busy-- > 0) return FakeRedis::error(refusal);
      if (failover_says != "OK") return FakeRedis::error(failover_says);
      if (promotes) master = preferred();
      return FakeRedis::status("OK");
    }
    if (line.starts_with("SENTINEL GET-MASTER"))
      return FakeRedis::list({FakeRedis::text("10.0.0." + std::to_string(master)), FakeRedis::text("6379")});
    if (line.starts_with("SENTINEL REPLICAS")) {
      std::vector<RedisReply> replicas;
      for (int node = 0; node < 3; ++node) {
        const std::string now = priority.contains(node) ? priority[node] : "100";
        replicas.push_back(FakeRedis::list({FakeRedis::text("ip"), FakeRedis::text("10.0.0." + std::to_string(node)),
                                            FakeRedis::text("slave-priority"), FakeRedis::text(now)}));
      }
      return FakeRedis::list(replicas);
    }
    return FakeRedis::error("ERR unexpected " + line);
  }
  int preferred() const {
    for (const auto& [node, value] : priority) {
      if (value == "1") return node;
    }
    return 1;
  }

  std::vector<std::unique_ptr<FakeRedis>> m_fakes;
};

struct Desk {
  FakeRunner runner;
  FakeNodes nodes;
  Topology before = healthy();

  std::string run(std::optional<int> to = {}) {
    return hand_over(nodes, before, to, runner, runner.now() + std::chrono::minutes(1), [](const std::string&) {});
  }
};

}  // namespace

TEST_CASE("a handover: pause, catch up, promote, follow, cut off; then writes are allowed") {
  Desk desk;
  desk.nodes.lag_looks = 2;
  CHECK(desk.run() == "redis-master-1");
  std::vector<std::string> changes;
  for (const std::string& line : desk.nodes.asked[0]) {
    if (!line.starts_with("INFO") && !line.starts_with("CONFIG GET")) changes.push_back(line);
  }
  CHECK(changes ==
        std::vector<std::string>{pause_line, "REPLICAOF 10.0.0.1 6379", "CLIENT KILL TYPE normal", "CLIENT UNPAUSE"});
  CHECK(desk.nodes.priority.empty());
  CHECK(desk.nodes.was_asked(2, "REPLICAOF 10.0.0.1 6379"));
}

TEST_CASE("a handover to a node: it is preferred, and no longer afterwards") {
  Desk desk;
  CHECK(desk.run(2) == "redis-master-2");
  CHECK(desk.nodes.priority == std::map<int, std::string>{{2, "100"}});
}

TEST_CASE("a handover that does not come about allows writes again") {
  Desk desk;
  std::string why;
  SUBCASE("Sentinel refuses") {
    desk.nodes.failover_says = "NOGOODSLAVE No suitable replica to promote";
    why = "NOGOODSLAVE";
  }
  SUBCASE("a replica does not catch up") {
    desk.nodes.lag_looks = 1000;
    why = "has not caught up in time";
  }
  SUBCASE("nobody is promoted") {
    desk.nodes.promotes = false;
    why = "no replica was promoted in time";
  }
  const Error error = error_of([&] { desk.run(2); });
  CHECK(has(error.message(), why));
  CHECK(desk.nodes.asked[0].back() == "CLIENT UNPAUSE");
  CHECK_FALSE(desk.nodes.was_asked(0, "CLIENT KILL TYPE normal"));
  CHECK(desk.nodes.priority[2] == "100");
}

TEST_CASE("back to node 0: it is the master already, or becomes it by a handover") {
  FakeRunner runner;
  FakeNodes nodes;
  const auto go = [&] {
    make_first_the_master(nodes, "10.0.0.0", runner, std::chrono::seconds(2), runner.now() + std::chrono::minutes(1),
                          [](const std::string&) {});
  };
  SUBCASE("already") {
    go();
    CHECK(nodes.looks == 1);
    CHECK(nodes.sentinel_asked.empty());
  }
  SUBCASE("already, while the others are not there yet") {
    for (std::size_t node : {1U, 2U}) {
      nodes.seen.nodes[node].why = "no such pod";
      nodes.seen.nodes[node].sentinel.why = "no such pod";
    }
    go();
    CHECK(nodes.sentinel_asked.empty());
  }
  SUBCASE("by a handover") {
    nodes.master = 1;
    nodes.seen = as_if_master(healthy(), 1);
    go();
    CHECK(nodes.master == 0);
    CHECK(nodes.was_asked(1, "CLIENT PAUSE 15000 WRITE"));
  }
  SUBCASE("by a handover that another node's sentinel begins, where node 0 has none yet") {
    nodes.master = 1;
    nodes.seen = as_if_master(healthy(), 1);
    nodes.seen.nodes[0].sentinel = {.why = "there is none yet", .expected = false};
    go();
    CHECK(nodes.master == 0);
    CHECK_FALSE(nodes.sentinel_asked.contains(0));
  }
}

TEST_CASE("never back to older data: node 0 is not gone on with while another one may have more") {
  FakeRunner runner;
  FakeNodes nodes;
  nodes.master = 1;
  nodes.seen = as_if_master(healthy(), 1);
  const auto refusal_of = [&] {
    const Error error = error_of([&] {
      make_first_the_master(nodes, "10.0.0.0", runner, std::chrono::seconds(2), runner.now() + std::chrono::minutes(1),
                            [](const std::string&) {});
    });
    CHECK(error.code() == ExitCode::failure);
    CHECK(has(error.message(), "so all 3 nodes stay"));
    CHECK(nodes.master == 1);
    return error.message();
  };
  SUBCASE("it does not answer") {
    nodes.seen.nodes[0].why = "no such pod";
    CHECK(has(refusal_of(), "redis-master-1 may have newer data and cannot hand it over to redis-master-0"));
  }
  SUBCASE("it is behind") {
    nodes.seen.nodes[0].syncing = true;
    CHECK(has(refusal_of(), "redis-master-0 is being sent the data"));
  }
  SUBCASE("it has restarted and takes itself for the master; the sentinels name another") {
    nodes.seen.nodes[0].role = "master";
    CHECK(has(refusal_of(), "several nodes are masters"));
  }
}

TEST_CASE("a handover asks again when a sentinel refuses for a moment, and writes go on between the tries") {
  Desk desk;
  SUBCASE("another failover has not ended") {}
  SUBCASE("it has not looked at the replicas for some seconds") {
    desk.nodes.refusal = "NOGOODSLAVE No suitable replica to promote";
  }
  desk.nodes.busy = 2;
  CHECK(desk.run() == "redis-master-1");
  std::vector<std::string> pauses;
  for (const std::string& line : desk.nodes.asked[0]) {
    if (line.ends_with("PAUSE") || line == pause_line) pauses.push_back(line);
  }
  CHECK(pauses == std::vector<std::string>{pause_line, "CLIENT UNPAUSE", pause_line, "CLIENT UNPAUSE", pause_line,
                                           "CLIENT UNPAUSE"});
}

TEST_CASE("a handover gives up when another failover does not end") {
  Desk desk;
  desk.nodes.busy = 1000;
  CHECK(has(error_of([&] { desk.run(); }).message(), "INPROG"));
  CHECK(desk.nodes.asked[0].back() == "CLIENT UNPAUSE");
}

TEST_CASE("before all nodes end no node takes writes, not even one that becomes the master meanwhile") {
  Desk desk;
  desk.nodes.lag_looks = 2;
  stop_writes(desk.nodes, desk.before, desk.runner, desk.runner.now() + std::chrono::minutes(1));
  for (int node = 0; node < 3; ++node) CHECK(desk.nodes.was_asked(node, pause_line));
  CHECK(desk.nodes.lag_looks == 0);
  CHECK_FALSE(desk.nodes.was_asked(0, "CLIENT UNPAUSE"));
}

TEST_CASE("before all nodes end, a replica that does not catch up: writes are allowed again") {
  Desk desk;
  desk.nodes.lag_looks = 1000;
  const Error error =
      error_of([&] { stop_writes(desk.nodes, desk.before, desk.runner, desk.runner.now() + std::chrono::minutes(1)); });
  CHECK(has(error.message(), "has not caught up in time"));
  CHECK(desk.nodes.asked[0].back() == "CLIENT UNPAUSE");
}

}  // namespace raibid::handover_test
