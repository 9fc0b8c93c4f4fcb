#include <doctest/doctest.h>

#include <signal.h>

#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "support/cli.hpp"
#include "sys/files.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

class SmokeCli : public Cli {
 public:
  ~SmokeCli() { local("teardown", {"--yes", "--delete-data"}); }

  Output local(const std::string& verb, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {verb, "redis", "--target", "local"});
    if (!m_preset.empty()) more.insert(more.end(), {"--preset", m_preset});
    return (*this)(more);
  }

  /// A preset of that name, or a file of those lines.
  void use(const std::string& preset) { m_preset = preset; }
  void use_file(const std::string& lines) {
    m_preset = folder() / "mine.yaml";
    write_atomic(m_preset,
                 "name: mine\ndescription: a test's\nsettings: {namespace: mine, release: mine-redis}\n" + lines);
  }

  std::string redis(std::vector<std::string> command) {
    const std::string url(trim(local("url", {"--with-password"}).out));
    command.insert(command.begin(), {"redis-cli", "--no-auth-warning", "-u", url});
    const std::string answer(trim(must(command)));
    REQUIRE(answer.find("NOAUTH") == std::string::npos);
    return answer;
  }

  /// Starts smoke, interrupts it once it has written something, and returns how it ended.
  Output interrupted(std::vector<std::string> more) {
    more.insert(more.begin(), {"smoke", "redis", "--target", "local"});
    if (!m_preset.empty()) more.insert(more.end(), {"--preset", m_preset});
    int pid = 0;
    runner().observe([&pid](int started, const Command&) { pid = started; });
    const std::unique_ptr<Process> process = start(more);
    runner().observe({});
    const TimePoint until = runner().now() + std::chrono::seconds(60);
    while (redis({"KEYS", "raibid-smoke:*"}).empty() && runner().now() < until) {
    }
    REQUIRE(::kill(pid, SIGINT) == 0);
    Process* const waiting = process.get();
    while (!process->finished() && runner().now() < until) runner().wait({&waiting, 1}, until);
    return {process->status(), process->out(), process->err(), !process->finished()};
  }

 private:
  std::string m_preset;
};

}  // namespace

TEST_CASE("smoke redis on this machine: each preset's operations hold, and as JSON") {
  for (const char* preset : {"raibid", "mxclone", "will-it-compile", "mirai", "sla-management"}) {
    INFO(preset);
    SmokeCli cli;
    cli.use(preset);
    CHECK(cli.local("smoke").status == 6);
    REQUIRE(cli.local("setup").status == 0);
    const std::string before = cli.redis({"DBSIZE"});
    const Output output = cli.local("smoke", {"-o", "json"});
    INFO(said(output));
    CHECK(output.status == 0);
    const nlohmann::json result = nlohmann::json::parse(output.out);
    CHECK(result.at("passed") == true);
    CHECK(result.at("preset") == preset);
    for (const nlohmann::json& operation : result.at("operations")) {
      CHECK(operation.at("passed") == true);
      CHECK(operation.at("milliseconds").get<double>() > 0);
    }
    CHECK(cli.redis({"DBSIZE"}) == before);
  }
}

TEST_CASE("smoke redis fails, says why and leaves nothing when one of its operations does not hold") {
  SmokeCli cli;
  cli.use_file("redis: {maxmemory-policy: allkeys-lru}\nsmoke: [job-store, get-or-set]\n");
  REQUIRE(cli.local("setup").status == 0);
  const Output output = cli.local("smoke");
  INFO(said(output));
  CHECK(output.status == 1);
  CHECK(output.out.find("✗ job-store") != std::string::npos);
  CHECK(output.out.find("allkeys-lru") != std::string::npos);
  CHECK(output.out.find("✓ get-or-set") != std::string::npos);
  CHECK(cli.redis({"DBSIZE"}) == "0");
  cli.use_file("redis: {maxmemory-policy: allkeys-lru}\nsmoke: [job-stores]\n");
  const Output unknown = cli.local("smoke");
  CHECK(unknown.status == 2);
  CHECK(unknown.err.find("job-store") != std::string::npos);
}

TEST_CASE("smoke redis cleans up after Ctrl-C") {
  SmokeCli cli;
  std::string operations = "ttl-hashes";
  for (int i = 0; i < 100; ++i) operations += ", ttl-hashes";  // a tenth of a second each
  cli.use_file("smoke: [" + operations + "]\n");
  REQUIRE(cli.local("setup").status == 0);
  const Output output = cli.interrupted({});
  INFO(said(output));
  CHECK(output.status == 130);
  CHECK(cli.redis({"DBSIZE"}) == "0");
}

TEST_CASE("smoke --durability on this machine: asks first, kills, and what was acknowledged is there") {
  SmokeCli cli;
  CHECK(cli.local("smoke", {"--durability", "--yes"}).status == 6);
  REQUIRE(cli.local("setup").status == 0);
  const std::string pid = must({"cat", cli.home() / "local/raibid-redis/redis.pid"});
  const Output refused = cli.local("smoke", {"--durability"});
  CHECK(refused.status == 2);
  CHECK(refused.err.find("--yes") != std::string::npos);
  CHECK(must({"cat", cli.home() / "local/raibid-redis/redis.pid"}) == pid);

  const Output output = cli.local("smoke", {"--durability", "--yes", "-o", "json"});
  INFO(said(output));
  CHECK(output.status == 0);
  const nlohmann::json found = nlohmann::json::parse(output.out).at("durability");
  CHECK(found.at("acknowledged").get<int>() > 100);
  CHECK(found.at("survived") == found.at("acknowledged"));
  CHECK(found.at("lost") == 0);
  CHECK(found.at("policy") == "AOF everysec");
  CHECK(found.at("answered_after_seconds").get<double>() > 0);
  CHECK(must({"cat", cli.home() / "local/raibid-redis/redis.pid"}) != pid);
  CHECK(cli.local("status").status == 0);
  CHECK(cli.redis({"DBSIZE"}) == "1");  // the stream

  const Output interrupted = cli.interrupted({"--durability", "--yes"});
  INFO(said(interrupted));
  CHECK(interrupted.status == 130);
  CHECK(cli.redis({"DBSIZE"}) == "1");
}

TEST_CASE("smoke --durability fails where the data does not come back, and kills nothing where nothing is kept") {
  SmokeCli cli;
  // a redis-server that finds its AOF gone
  const fs::path programs = cli.folder() / "bin";
  must({"mkdir", programs});
  write_atomic(programs / "redis-server",
               "#!/bin/sh\nif [ -e '" + (cli.folder() / "lose").string() +
                   "' ]; then rm -rf \"${1%/*}/data/appendonlydir\"; fi\nexec /usr/bin/redis-server \"$@\"\n",
               0755);
  cli.set("PATH", programs.string() + ":/usr/bin:/bin");
  REQUIRE(cli.local("setup").status == 0);
  write_atomic(cli.folder() / "lose", "");
  const Output output = cli.local("smoke", {"--durability", "--yes", "-o", "json"});
  INFO(said(output));
  CHECK(output.status == 1);
  const nlohmann::json found = nlohmann::json::parse(output.out).at("durability");
  CHECK(found.at("survived") == 0);
  CHECK(found.at("lost") == found.at("acknowledged"));
  CHECK(found.at("oldest_lost_seconds").get<double>() > 2.5);

  SmokeCli memory;
  REQUIRE(memory.local("setup", {"--no-persistence"}).status == 0);
  const std::string pid = must({"cat", memory.home() / "local/raibid-redis/redis.pid"});
  const Output nothing = memory.local("smoke", {"--durability", "--yes"});
  CHECK(nothing.status == 1);
  CHECK(nothing.err.find("keeps nothing on disk") != std::string::npos);
  CHECK(must({"cat", memory.home() / "local/raibid-redis/redis.pid"}) == pid);
}
