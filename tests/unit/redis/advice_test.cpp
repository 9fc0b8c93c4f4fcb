#include "components/redis/settings/advice.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>

#include "support/redis_settings.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"

using namespace raibid;
using namespace raibid::test;
using nlohmann::json;

namespace {

/// A Redis that nothing is to be said of.
RedisSettings sound() {
  RedisSettings settings;
  settings.persistence = true;
  settings.size = "8Gi";
  settings.memory_limit = "512Mi";
  settings.auth = true;
  settings.clients = {{"jobs", {}}};
  settings.directives = {{"appendonly", "yes"}, {"maxmemory-policy", "noeviction"}, {"maxmemory", "307mb"}};
  settings.holds = {"queue"};
  return settings;
}

std::vector<std::string> names(const RedisSettings& settings) {
  std::vector<std::string> all;
  for (const Advice& advice : advise(settings)) all.push_back(advice.name);
  return all;
}

void set(RedisSettings& settings, const std::string& directive, const std::string& value) {
  std::erase_if(settings.directives, [&](const auto& line) { return line.first == directive; });
  if (!value.empty()) settings.directives.emplace_back(directive, value);
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("advice: nothing is said of what is sound") { CHECK(names(sound()).empty()); }

TEST_CASE("advice: eviction where keys must stay") {
  RedisSettings settings = sound();
  for (const char* policy : {"allkeys-lru", "allkeys-lfu", "allkeys-random"}) {
    set(settings, "maxmemory-policy", policy);
    CHECK(names(settings) == Names{"eviction"});
  }
  CHECK(has(advise(settings).front().better, "noeviction"));
  settings.holds = {"queue", "cache"};
  CHECK(has(advise(settings).front().better, "volatile-lru"));
  set(settings, "maxmemory-policy", "volatile-lru");
  CHECK(names(settings).empty());
  set(settings, "maxmemory-policy", "allkeys-lru");
  settings.holds = {"cache"};
  CHECK(names(settings).empty());
  settings.holds = {"jobs"};
  CHECK(names(settings) == Names{"eviction"});
}

TEST_CASE("advice: memory without end, and more of it than there is") {
  RedisSettings settings = sound();
  set(settings, "maxmemory", "");
  CHECK(names(settings) == Names{"no-maxmemory"});
  set(settings, "maxmemory", "0");
  CHECK(names(settings) == Names{"no-maxmemory"});
  set(settings, "maxmemory", "1gb");
  CHECK(names(settings) == Names{"maxmemory-above-limit"});
  CHECK(has(advise(settings).front().better, "307mb"));
  set(settings, "maxmemory", "512mb");
  CHECK(names(settings) == Names{"maxmemory-above-limit"});
  set(settings, "maxmemory", "511mb");
  CHECK(names(settings).empty());
}

TEST_CASE("advice: jobs that a restart loses") {
  RedisSettings settings = sound();
  set(settings, "appendonly", "no");
  CHECK(names(settings) == Names{"no-persistence"});
  CHECK(has(advise(settings).front().reason, "last snapshot"));
  set(settings, "appendonly", "");
  CHECK(names(settings) == Names{"no-persistence"});
  settings.holds = {"cache"};
  CHECK(names(settings).empty());
  settings = sound();
  settings.persistence = false;
  CHECK(has(advise(settings).front().reason, "everything"));
}

TEST_CASE("advice: who may connect, and with what") {
  RedisSettings settings = sound();
  settings.clients.clear();
  CHECK(names(settings) == Names{"open-network"});
  settings.auth = false;
  CHECK(names(settings) == Names{"open-network", "no-password"});
  settings.target = Target::local;
  CHECK(names(settings) == Names{"no-password"});
}

TEST_CASE("advice: locks in one Redis") {
  RedisSettings settings = sound();
  settings.holds = {"cache", "locks"};
  CHECK(names(settings) == Names{"one-replica"});
  settings.target = Target::local;
  CHECK(names(settings).empty());
}

TEST_CASE("advice: what a preset accepts stays in the list with its reason; an unknown name is refused") {
  RedisSettings settings = sound();
  settings.auth = false;
  settings.accepted["no-password"] = {"its client has no place for one", "mine.yaml:9"};
  REQUIRE(names(settings) == Names{"no-password"});
  CHECK(advise(settings).front().accepted == "its client has no place for one");
  CHECK(advice_json(settings)[0]["accepted"] == "its client has no place for one");
  settings.accepted["no-pasword"] = {"as well", "mine.yaml:10"};
  const Error error = error_of([&] { advise(settings); });
  CHECK(error.code() == ExitCode::usage);
  CHECK(has(error.message(), "mine.yaml:10"));
  CHECK(has(error.message(), "did you mean no-password?"));
}

TEST_CASE("advice: all pods of several nodes on one node of the cluster") {
  RedisSettings settings = sound();
  const SeenRedis seen{"8.0.2", {"node1", "node1", "node1"}};
  CHECK_FALSE(find_advice("one-node", settings, seen));  // there is one pod
  settings.replicas = 2;
  CHECK(has(find_advice("one-node", settings, seen).value().reason, "all 3 pods run on node node1"));
  CHECK_FALSE(find_advice("one-node", settings, {"8.0.2", {"node1", "node1", "node2"}}));
  CHECK_FALSE(find_advice("one-node", settings, {"8.0.2", {"", "", ""}}));  // not known
  CHECK_FALSE(find_advice("one-node", settings, {}));
  const json list = advice_json(settings, seen);
  CHECK(list.back()["name"] == "one-node");
  CHECK(list.back()["accepted"] == nullptr);
  settings.accepted["one-node"] = {"a laptop", "mine.yaml:9"};
  CHECK(advice_json(settings, seen).back()["accepted"] == "a laptop");
}

TEST_CASE("advice: a Redis that forgets the lag of a group") {
  for (const char* version : {"7.0.15", "7.2.12", "6.2.14", "7.3.241", "valkey 7.2.9"}) CHECK_FALSE(keeps_lag(version));
  for (const char* version : {"7.4.0", "8.0.2", "10.1.0", "valkey 8.0.1", "valkey 8.1.1", "", "unknown", "valkey "})
    CHECK(keeps_lag(version));
  RedisSettings settings = sound();
  CHECK_FALSE(find_advice("lag-unknown", settings, {"7.0.15"}));  // no stream
  settings.streams = {{"jobs", {}, 0}};
  CHECK_FALSE(find_advice("lag-unknown", settings, {"7.0.15"}));  // no group
  settings.streams = {{"jobs", {"workers"}, 0}};
  CHECK(has(find_advice("lag-unknown", settings, {"7.0.15"}).value().reason, "Redis 7.0.15 forgets"));
  CHECK_FALSE(find_advice("lag-unknown", settings, {"7.4.1"}));
  CHECK_FALSE(find_advice("lag-unknown", settings, {}));
  settings.target = Target::local;  // nothing there goes by it
  CHECK_FALSE(find_advice("lag-unknown", settings, {"7.0.15"}));
}

TEST_CASE("advice: every rule is documented by its name") {
  const std::string text = read_file(std::filesystem::path(RAIBID_SOURCE_DIR) / "docs/advice.md").value_or("");
  std::vector<std::string> all = {"one-node", "lag-unknown"};
  for (const AdviceRule& rule : advice_rules()) all.emplace_back(rule.name);
  for (const std::string& name : all) {
    CAPTURE(name);
    CHECK(text.find("## " + name + "\n") != std::string::npos);
  }
}
