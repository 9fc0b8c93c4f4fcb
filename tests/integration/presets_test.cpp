// The presets on this machine: each alone, all side by side, changed while they run.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

#include "base/strings.hpp"
#include "config/redis_directives.hpp"
#include "support/cli.hpp"
#include "support/redis_server.hpp"
#include "sys/files.hpp"

using namespace raibid;
using namespace raibid::test;
using nlohmann::json;

namespace {

constexpr std::array presets = {"raibid", "mxclone", "will-it-compile", "mirai", "sla-management"};

/// Whatever it started ends with it.
class PresetCli : public Cli {
 public:
  ~PresetCli() {
    for (const std::string& preset : m_started)
      (*this)({"teardown", "redis", "--target", "local", "--preset", preset, "--yes", "--delete-data"});
  }

  Output run(const std::string& verb, const std::string& preset, std::vector<std::string> more = {}) {
    if (verb == "setup") m_started.push_back(preset);
    more.insert(more.begin(), {verb, "redis", "--target", "local", "--preset", preset});
    return (*this)(more);
  }
  json status(const std::string& preset) { return json::parse(run("status", preset, {"-o", "json"}).out); }
  std::string file(const std::string& text) {
    const std::string path = (folder() / "mine.yaml").string();
    write_atomic(path, text);
    return path;
  }

 private:
  std::vector<std::string> m_started;
};

std::string mine(const std::string& more) {
  return "name: mine\nsettings: {namespace: mine, release: mine-redis, no-metrics: true}\nholds: [queue]\n" + more;
}

}  // namespace

TEST_CASE("presets: each is set up, healthy, unchanged by a second setup, and removed without a rest") {
  for (const std::string preset : presets) {
    CAPTURE(preset);
    PresetCli cli;
    const Output first = cli.run("setup", preset);
    INFO(said(first));
    REQUIRE(first.status == 0);
    const json status = cli.status(preset);
    CHECK(status.at("healthy") == true);
    CHECK(status.at("preset") == preset);
    const Output second = cli.run("setup", preset);
    CHECK(second.out.find("Nothing changed") != std::string::npos);
    CHECK(cli.status(preset).at("pid") == status.at("pid"));
    REQUIRE(cli.run("teardown", preset, {"--yes", "--delete-data"}).status == 0);
    for (const auto& [path, content] : tree(cli.home())) {
      CAPTURE(path);
      CHECK(content == "/");  // folders alone are left
    }
  }
}

TEST_CASE("presets: all five beside each other, a credentials file each, one status for all") {
  PresetCli cli;
  for (const std::string preset : presets) REQUIRE(cli.run("setup", preset).status == 0);
  const auto files = tree(cli.home());
  CHECK(json::parse(files.at("redis-credentials.json")).at("release") == "raibid-redis");
  for (const char* release : {"mxclone-redis", "will-it-compile-redis", "mirai-redis", "redis-cache"}) {
    CAPTURE(release);
    const std::string file = std::string("redis-credentials.") + release + "@local.json";
    REQUIRE(files.contains(file));
    CHECK(json::parse(files.at(file)).at("release") == release);
  }

  const Output table = cli({"status", "--target", "local"});
  INFO(said(table));
  CHECK(table.status == 0);
  CHECK(std::count(table.out.begin(), table.out.end(), '\n') == 6);
  const json all = json::parse(cli({"status", "--target", "local", "-o", "json"}).out);
  REQUIRE(all.size() == 5);
  for (const json& one : all) CHECK(one.at("healthy") == true);
  CHECK(json::parse(cli({"status", "--target", "local", "--preset", "mirai", "-o", "json"}).out).at("preset") ==
        "mirai");
  CHECK(json::parse(cli({"status", "--target", "local", "--release", "redis-cache", "-o", "json"}).out).at("preset") ==
        "sla-management");
  CHECK(json::parse(cli({"status", "redis", "--target", "local", "-o", "json"}).out).at("preset") == "raibid");

  must({"kill", std::to_string(cli.status("mxclone").at("pid").get<int>())});
  const TimePoint until = real_runner().now() + std::chrono::seconds(10);
  Output one_down = cli({"status", "--target", "local"});
  while (one_down.status == 0 && real_runner().now() < until) one_down = cli({"status", "--target", "local"});
  INFO(said(one_down));
  CHECK(one_down.status == 1);
  CHECK(one_down.out.find("mxclone-redis") < one_down.out.find("server: stopped"));
}

TEST_CASE("presets: status of one alone is that one; of none, not installed") {
  PresetCli cli;
  CHECK(cli({"status", "--target", "local"}).status == 6);
  REQUIRE(cli.run("setup", "mirai").status == 0);
  const json one = json::parse(cli({"status", "--target", "local", "-o", "json"}).out);
  REQUIRE(one.is_object());
  CHECK(one.at("preset") == "mirai");
  CHECK(json::parse(cli({"status", "--target", "local", "--all", "-o", "json"}).out).at(0).at("preset") == "mirai");
}

TEST_CASE("presets: --watch writes what changed, and Ctrl-C ends it") {
  PresetCli cli;
  REQUIRE(cli.run("setup", "mxclone").status == 0);
  REQUIRE(cli.run("setup", "mirai").status == 0);
  const auto watch = cli.start({"status", "--target", "local", "--watch"});
  const auto wait_for = [&](const std::string& text) {
    const TimePoint until = real_runner().now() + std::chrono::seconds(20);
    Process* const process = watch.get();
    while (watch->out().find(text) == std::string::npos && real_runner().now() < until && !watch->finished())
      real_runner().wait({&process, 1}, until);
    INFO(watch->out(), watch->err());
    CHECK(watch->out().find(text) != std::string::npos);
  };
  wait_for("mxclone-redis");
  watch->out().clear();
  must({"kill", std::to_string(cli.status("mxclone").at("pid").get<int>())});
  wait_for("server: stopped");
  INFO(watch->out());
  CHECK(watch->out().find("mirai-redis") == std::string::npos);  // it is as it was
}

TEST_CASE(
    "presets: a directive that CONFIG SET takes is changed without a restart, one that it does not says so first") {
  PresetCli cli;
  const std::string path = cli.file(mine("redis: {appendonly: yes, maxmemory: 100mb, slowlog-max-len: 64}\n"));
  REQUIRE(cli.run("setup", path).status == 0);
  const json before = cli.status(path);

  cli.file(mine("redis: {appendonly: yes, maxmemory: 120mb}\n"));
  const Output live = cli.run("setup", path);
  INFO(said(live));
  REQUIRE(live.status == 0);
  CHECK(live.err.find("restarts") == std::string::npos);
  CHECK(live.err.find("kept by Redis until its next start: slowlog-max-len 64") != std::string::npos);
  CHECK(cli.status(path).at("pid") == before.at("pid"));
  CHECK(cli.status(path).at("redis").at("maxmemory_bytes") == 120 << 20);

  cli.file(mine("redis: {appendonly: yes, maxmemory: 120mb, databases: 32}\n"));
  const Output asked = cli.run("setup", path);
  INFO(said(asked));
  CHECK(asked.status == 2);
  CHECK(asked.err.find("this change restarts Redis: databases 16 → 32") != std::string::npos);
  CHECK(cli.status(path).at("pid") == before.at("pid"));
  const Output restarted = cli.run("setup", path, {"--restart"});
  INFO(said(restarted));
  REQUIRE(restarted.status == 0);
  CHECK(restarted.err.find("this change restarts Redis: databases 16 → 32") != std::string::npos);
  CHECK(restarted.err.find("this change") < restarted.err.find("server:"));
  CHECK(cli.status(path).at("pid") != before.at("pid"));
  CHECK(cli.run("setup", path).out.find("Nothing changed") != std::string::npos);
}

TEST_CASE("presets: a password that comes or goes is a restart") {
  PresetCli cli;
  const std::string path = cli.file(mine("redis: {appendonly: yes}\n"));
  REQUIRE(cli.run("setup", path).status == 0);
  const Output without = cli.run("setup", path, {"--no-auth", "--restart"});
  INFO(said(without));
  REQUIRE(without.status == 0);
  CHECK(without.err.find("password on → off") != std::string::npos);
  CHECK(cli.status(path).at("healthy") == true);
  CHECK(cli.run("setup", path).out.find("Nothing changed") != std::string::npos);  // it was told so
  const Output again = cli.run("setup", path, {"--no-auth=false", "--yes"});
  INFO(said(again));
  CHECK(again.status == 0);
  CHECK(again.err.find("password off → on") != std::string::npos);
  CHECK(cli.status(path).at("healthy") == true);
}

TEST_CASE("presets: warnings, what is accepted, and --strict") {
  PresetCli cli;
  const std::string path = cli.file(mine("redis: {appendonly: yes, maxmemory-policy: allkeys-lru}\n"));
  const Output strict = cli.run("setup", path, {"--strict"});
  INFO(said(strict));
  CHECK(strict.status == 2);
  CHECK(strict.err.find("eviction: ") != std::string::npos);
  CHECK(tree(cli.home()).empty());
  const Output warned = cli.run("setup", path, {"-o", "json"});
  CHECK(warned.status == 0);
  CHECK(warned.err.find("warning: eviction: ") != std::string::npos);
  CHECK(json::parse(warned.out).at("advice").at(0).at("name") == "eviction");
  cli.file(mine("redis: {appendonly: yes, maxmemory-policy: allkeys-lru}\naccepted: {eviction: it is a toy}\n"));
  const Output accepted = cli.run("doctor", path, {"--strict", "-v"});
  INFO(said(accepted));
  CHECK(accepted.status == 0);
  CHECK(accepted.err.find("warning") == std::string::npos);
  CHECK(accepted.err.find("it is a toy") != std::string::npos);
}

TEST_CASE("presets: the directives that need a restart are those that CONFIG SET refuses") {
  RedisServer server;
  const auto redis = server.connect();
  const RedisReply config = redis->command({"CONFIG", "GET", "*"});
  REQUIRE(config.items.size() > 100);
  for (std::size_t at = 0; at + 1 < config.items.size(); at += 2) {
    const std::string name = config.items[at].text;
    if (directive_problem(name) == "is set by raibid-cli itself") continue;
    const RedisReply set = redis->command({"CONFIG", "SET", name, config.items[at + 1].text});
    const bool fixed = set.is_error() && set.text.find("can't set ") != std::string::npos;  // immutable, protected
    CAPTURE(name);
    CAPTURE(set.text);
    CHECK(needs_restart(name) == fixed);
  }
}
