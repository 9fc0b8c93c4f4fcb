#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "support/cli.hpp"
#include "sys/files.hpp"

#include <fmt/format.h>

using namespace raibid;
using namespace raibid::test;

/// The built program and a real redis-server: a dry run leaves both as they are.

namespace {

class DryCli : public Cli {
 public:
  ~DryCli() { local({"teardown", "redis"}, {"--yes", "--delete-data"}); }

  Output local(std::vector<std::string> words, const std::vector<std::string>& more = {}) {
    words.insert(words.end(), {"--target", "local"});
    words.insert(words.end(), more.begin(), more.end());
    return (*this)(words);
  }

  std::string redis(const std::vector<std::string>& command) {
    const nlohmann::json credentials = nlohmann::json::parse(tree(home()).at("redis-credentials.json"));
    std::vector<std::string> words = {"redis-cli", "--no-auth-warning",
                                      "-p",        std::to_string(credentials.at("port").get<int>()),
                                      "-a",        credentials.at("password")};
    words.insert(words.end(), command.begin(), command.end());
    return std::string(trim(must(words)));
  }

  /// What a run could have changed in Redis.
  std::string inside() {
    const std::string server = redis({"INFO", "server"});
    const std::size_t id = server.find("run_id:");
    return redis({"DBSIZE"}) + "\n" + redis({"CONFIG", "GET", "*"}) + "\n" + redis({"ACL", "LIST"}) + "\n" +
           redis({"XINFO", "GROUPS", "raibid:jobs"}) + "\n" + server.substr(id, 50);
  }

  /// What a kill -9 in the middle of a setup leaves.
  void leave_journal() {
    const nlohmann::json header = {
        {"journal", 1},  {"operation", "setup redis"},       {"subject", "the test's"}, {"pid", 4711},
        {"host", "box"}, {"started", "2026-01-31T09:08:07Z"}};
    const nlohmann::json undo = {{"undo",
                                  {{"action", "file.remove"},
                                   {"arguments", {{"path", (home() / "half-made").string()}}},
                                   {"command", "rm -rf half-made"}}}};
    write_atomic(home() / "half-made", "of the run that was killed\n");
    write_atomic(home() / "journal/local-raibid-redis-raibid-redis.journal", header.dump() + "\n" + undo.dump() + "\n");
  }
};

const std::vector<std::vector<std::string>> commands = {
    {"setup", "redis", "--dry-run", "--memory-limit", "1Gi", "--stream", "another"},
    {"setup", "redis", "--dry-run", "--no-auth"},
    {"teardown", "redis", "--dry-run", "--yes", "--delete-data"},
    {"smoke", "redis", "--dry-run"},
    {"smoke", "redis", "--dry-run", "--yes", "--durability"},
    {"url", "redis", "--dry-run"},
    {"export", "env", "--dry-run"},
    {"config", "show", "--dry-run"},
};

}  // namespace

TEST_CASE("dry run: the home and the running Redis stay as they are, also after a run that was killed") {
  DryCli cli;
  REQUIRE(cli.local({"setup", "redis"}).status == 0);
  for (const bool left : {false, true}) {
    CAPTURE(left);
    if (left) cli.leave_journal();
    const auto files = tree(cli.folder());
    const std::string server = cli.inside();
    const auto unchanged = [&] {
      auto now = tree(cli.folder());
      CHECK(now.size() == files.size());
      for (const auto& [path, content] : files) {
        INFO(path);
        CHECK(now[path] == content);
      }
      CHECK(cli.inside() == server);
    };
    for (const std::vector<std::string>& command : commands) {
      CAPTURE(join(command, " "));
      const Output output = cli.local(command);
      INFO(said(output));
      CHECK(output.status == 0);
      unchanged();
    }
    const Output connected = cli.local({"connect", "redis", "--dry-run"}, {"--", "redis-cli", "FLUSHALL"});
    INFO(said(connected));
    CHECK(connected.status == 0);
    CHECK(cli.local({"status", "redis", "--dry-run"}).status == (left ? 1 : 0));
    cli.local({"doctor", "redis", "--dry-run"});
    const std::string preset = (cli.folder() / "mine.yaml").string();
    CHECK(cli({"presets", "new", preset, "--dry-run"}).status == 0);
    unchanged();

    const Output asked = cli.local({"teardown", "redis"}, {"--delete-data"});
    INFO(said(asked));
    CHECK(asked.status == 2);
    unchanged();
  }
}

TEST_CASE("dry run: where there is no home, none is made") {
  Cli cli;
  const auto before = tree(cli.folder());
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"setup", "redis"}, {"teardown", "redis"}, {"teardown", "redis", "--yes"}, {"doctor", "redis"}}) {
    CAPTURE(join(command, " "));
    std::vector<std::string> words = command;
    words.insert(words.end(), {"--target", "local", "--dry-run"});
    const Output output = cli(words);
    INFO(said(output));
    CHECK(output.status == 0);
    CHECK(tree(cli.folder()) == before);
  }
}
