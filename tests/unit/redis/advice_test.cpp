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

TEST_CASE("advice: what a preset accepts stays in the list with its reason; a name that is none is refused") {
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

TEST_CASE("advice: every rule is documented by its name") {
  const std::string text = read_file(std::filesystem::path(RAIBID_SOURCE_DIR) / "docs/advice.md").value_or("");
  for (const AdviceRule& rule : advice_rules()) {
    CAPTURE(rule.name);
    CHECK(text.find("## " + std::string(rule.name) + "\n") != std::string::npos);
  }
}
