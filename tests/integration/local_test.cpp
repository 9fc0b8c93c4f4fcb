#include <doctest/doctest.h>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <regex>

#include <yaml-cpp/yaml.h>
#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "support/cli.hpp"
#include "support/json_schema.hpp"
#include "support/pty.hpp"
#include "sys/files.hpp"
#include "ui/text.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

/// A local Redis that does not outlive its test.
class LocalCli : public Cli {
 public:
  ~LocalCli() { (*this)({"teardown", "redis", "--target", "local", "--yes", "--delete-data"}); }

  Output local(const std::string& verb, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {verb, "redis", "--target", "local"});
    return (*this)(more);
  }
  nlohmann::json credentials() const { return nlohmann::json::parse(tree(home()).at("redis-credentials.json")); }
  nlohmann::json status() { return nlohmann::json::parse(local("status", {"-o", "json"}).out); }
};

std::string redis(const nlohmann::json& credentials, std::vector<std::string> command) {
  command.insert(command.begin(),
                 {"redis-cli", "--no-auth-warning", "-h", credentials.at("host"), "-p",
                  std::to_string(credentials.at("port").get<int>()), "-a", credentials.at("password")});
  return std::string(trim(must(command)));
}

/// "1769860800000-0".
bool has_id(const std::string& text) { return text.find("-0") != std::string::npos; }

}  // namespace

TEST_CASE("local: setup, status, setup again, teardown") {
  LocalCli cli;
  const Output first = cli.local("setup");
  INFO(said(first));
  REQUIRE(first.status == 0);
  const nlohmann::json credentials = cli.credentials();
  CHECK(credentials.at("host") == "127.0.0.1");
  CHECK(credentials.at("password").get<std::string>().size() == 32);
  CHECK(redis(credentials, {"PING"}) == "PONG");
  CHECK(redis(credentials, {"CONFIG", "GET", "appendfsync"}).find("everysec") != std::string::npos);
  CHECK(redis(credentials, {"CONFIG", "GET", "maxmemory-policy"}).find("noeviction") != std::string::npos);
  CHECK(redis(credentials, {"XINFO", "GROUPS", "raibid:jobs"}).find("raibid-workers") != std::string::npos);

  const Output healthy = cli.local("status");
  INFO(said(healthy));
  CHECK(healthy.status == 0);
  const int pid = cli.status().at("pid");

  const Output second = cli.local("setup");
  INFO(said(second));
  REQUIRE(second.status == 0);
  CHECK(second.out.find("Nothing changed") != std::string::npos);
  CHECK(cli.status().at("pid") == pid);
  CHECK(cli.credentials() == credentials);

  const Output gone = cli.local("teardown", {"--yes", "--delete-data"});
  INFO(said(gone));
  REQUIRE(gone.status == 0);
  CHECK(attempt({"test", "-e", "/proc/" + std::to_string(pid) + "/cwd"}).status != 0);
  CHECK(cli.local("status").status == 6);
  CHECK(cli.local("teardown", {"--yes"}).status == 0);
  CHECK(tree(cli.home()).count("redis-credentials.json") == 0);
}

TEST_CASE("local: after a stop status says so, and setup starts it again with its data, port and password") {
  LocalCli cli;
  REQUIRE(cli.local("setup").status == 0);
  const nlohmann::json credentials = cli.credentials();
  redis(credentials, {"XADD", "raibid:jobs", "*", "job_id", "1"});
  redis(credentials, {"WAITAOF", "0", "0", "100"});  // an error before Redis 7.2: the shutdown writes the AOF anyway
  const int pid = cli.status().at("pid");
  REQUIRE(::kill(pid, SIGTERM) == 0);
  const TimePoint until = real_runner().now() + std::chrono::seconds(10);
  while (attempt({"test", "-e", "/proc/" + std::to_string(pid) + "/cwd"}).ok() && real_runner().now() < until) {
    real_runner().wait({}, real_runner().now() + std::chrono::milliseconds(20));
  }

  const Output stopped = cli.local("status");
  INFO(said(stopped));
  CHECK(stopped.status == 1);
  CHECK(stopped.out.find("stopped") != std::string::npos);
  REQUIRE(cli.local("setup").status == 0);
  CHECK(cli.credentials() == credentials);
  CHECK(redis(credentials, {"XLEN", "raibid:jobs"}) == "1");
}

TEST_CASE("local: teardown keeps the data unless told otherwise") {
  LocalCli cli;
  REQUIRE(cli.local("setup").status == 0);
  const nlohmann::json credentials = cli.credentials();
  redis(credentials, {"SET", "kept", "yes"});
  const Output kept = cli.local("teardown", {"--yes"});
  INFO(said(kept));
  REQUIRE(kept.status == 0);
  CHECK(kept.err.find("Will be kept") != std::string::npos);
  for (const char* verb : {"status", "url"}) {
    const Output removed = cli.local(verb);
    INFO(said(removed));
    CHECK(removed.status == 6);
    CHECK(removed.err.find("is removed; its data are kept in") != std::string::npos);
  }
  const Output none = cli({"status", "--all", "--target", "local"});
  INFO(said(none));
  CHECK(none.status == 6);
  CHECK(none.err.find("removed, data kept: release raibid-redis on this machine") != std::string::npos);
  CHECK(cli.local("teardown", {"--yes"}).out.find("Nothing to tear down") != std::string::npos);
  REQUIRE(cli.local("setup").status == 0);
  CHECK(redis(credentials, {"GET", "kept"}) == "yes");
  CHECK(cli.local("status").status == 0);
}

TEST_CASE("local: a teardown of one that was stopped removes it, and keeps its data") {
  LocalCli cli;
  REQUIRE(cli.local("setup").status == 0);
  redis(cli.credentials(), {"SHUTDOWN"});
  CHECK(cli.local("status").status == 1);
  const Output gone = cli.local("teardown", {"--yes"});
  INFO(said(gone));
  CHECK(gone.status == 0);
  CHECK(cli.local("status").status == 6);
}

TEST_CASE("local: setup --diff shows what changes of the files, writes nothing, and tells by its exit code") {
  LocalCli cli;
  const Output fresh = cli.local("setup", {"--diff"});
  INFO(said(fresh));
  CHECK(fresh.status == 0);
  CHECK(fresh.out.find("redis.conf (created)") != std::string::npos);
  CHECK(tree(cli.home()).empty());
  REQUIRE(cli.local("setup").status == 0);
  const Output same = cli.local("setup", {"--diff", "--exit-code"});
  INFO(said(same));
  CHECK(same.status == 0);
  CHECK(same.out == "Nothing would change.\n");
  const auto before = tree(cli.home());
  const Output other = cli.local("setup", {"--memory-limit", "777Mi", "--diff", "--exit-code"});
  INFO(said(other));
  CHECK(other.status == 10);
  CHECK(other.out.find("    -maxmemory ") != std::string::npos);
  CHECK(other.out.find("    +maxmemory ") != std::string::npos);
  CHECK(other.out.find("users.acl") == std::string::npos);
  CHECK(other.out.find("state.json") == std::string::npos);  // how our record is written says nothing to people
  CHECK(other.out.find("    --memory-limit\n      + 777Mi\n") != std::string::npos);
  CHECK(other.out.find(cli.credentials().at("password").get<std::string>()) == std::string::npos);
  CHECK(cli.local("setup", {"--memory-limit", "777Mi", "--diff"}).status == 0);
  CHECK(cli.local("setup", {"--diff", "--color", "always", "--memory-limit", "777Mi"}).out.find("\x1b[32m") !=
        std::string::npos);
  CHECK(tree(cli.home()).at("local/raibid-redis/redis.conf") == before.at("local/raibid-redis/redis.conf"));
}

TEST_CASE("local: the job of docs/gitlab-ci.yml runs, and leaves what it names as artifacts") {
  LocalCli cli;
  const YAML::Node job = YAML::LoadFile(RAIBID_SOURCE_DIR "/docs/gitlab-ci.yml")["redis"];
  cli.set("RAIBID_TARGET", "local");
  for (const auto& variable : job["variables"]) {
    std::string value = variable.second.as<std::string>();
    const std::string project = "$CI_PROJECT_DIR";
    if (value.starts_with(project)) value.replace(0, project.size(), cli.folder().string());
    cli.set(variable.first.as<std::string>(), value);
  }
  int lines = 0;
  for (const char* const part : {"script", "after_script"}) {
    for (const YAML::Node& line : job[part]) {
      const Output ran = cli.shell("PATH=${RAIBID_CLI%/*}:$PATH\n" + line.as<std::string>());
      INFO(line.as<std::string>() << "\n" << said(ran));
      CHECK(ran.status == 0);
      ++lines;
    }
  }
  CHECK(lines > 4);
  const std::string report = job["artifacts"]["reports"]["junit"].as<std::string>();
  CHECK(must({"sh", "-c", "cat " + cli.folder().string() + "/" + report}).find("<testsuite") != std::string::npos);
}

TEST_CASE("local: -v shows the command line of each program") {
  LocalCli cli;
  const Output set_up = cli.local("setup", {"-v"});
  INFO(said(set_up));
  REQUIRE(set_up.status == 0);
  CHECK(set_up.err.find("redis-server " + (cli.home() / "local/raibid-redis/redis.conf").string()) !=
        std::string::npos);
  CHECK(set_up.err.find(cli.credentials().at("password").get<std::string>()) == std::string::npos);
}

TEST_CASE("local: the setup after a kill -9 keeps the jobs that were added meanwhile; --discard-data starts again") {
  for (const bool discard : {false, true}) {
    CAPTURE(discard);
    LocalCli cli;
    pid_t pid = 0;
    cli.runner().observe([&](int started, const Command&) { pid = started; });
    const auto process = cli.start({"setup", "redis", "--target", "local", "-v"});
    cli.runner().observe({});
    Process* const one = process.get();
    const TimePoint until = real_runner().now() + std::chrono::seconds(30);
    while (process->err().find("ok: server") == std::string::npos && real_runner().wait({&one, 1}, until)) {
    }
    ::kill(pid, SIGKILL);
    while (!process->finished() && real_runner().wait({&one, 1}, until)) {
    }
    if (tree(cli.home() / "journal").empty()) continue;  // it was faster
    const auto files = tree(cli.home());
    nlohmann::json reached = {{"host", "127.0.0.1"},
                              {"port", nlohmann::json::parse(files.at("local/raibid-redis/state.json")).at("port")},
                              {"password", trim(files.at("local/raibid-redis/password"))}};
    const TimePoint soon = real_runner().now() + std::chrono::seconds(10);
    std::vector<std::string> add = {"redis-cli", "--no-auth-warning",
                                    "-p",        std::to_string(reached["port"].get<int>()),
                                    "-a",        reached["password"],
                                    "XADD",      "raibid:jobs",
                                    "*",         "n",
                                    "1"};
    while (!has_id(attempt(add).out) && real_runner().now() < soon) {
    }
    const Output again =
        cli.local("setup", discard ? std::vector<std::string>{"--discard-data"} : std::vector<std::string>{});
    INFO(said(again));
    REQUIRE(again.status == 0);
    CHECK((redis(cli.credentials(), {"XLEN", "raibid:jobs"}) != "0") == !discard);
    CHECK((cli.credentials().at("password") == reached.at("password")) == !discard);
    CHECK((again.err.find("is kept and used") != std::string::npos) == !discard);
  }
}

TEST_CASE("local: changed settings apply without a restart where Redis allows it") {
  LocalCli cli;
  REQUIRE(cli.local("setup").status == 0);
  const int pid = cli.status().at("pid");
  const Output changed = cli.local("setup", {"--memory-limit", "1Gi"});
  INFO(said(changed));
  REQUIRE(changed.status == 0);
  CHECK(cli.status().at("pid") == pid);
  CHECK(cli.status().at("redis").at("maxmemory_bytes").get<long long>() > 600LL << 20);
}

TEST_CASE("local: no secret in the process list, the environment or any file that is not for it") {
  LocalCli cli;
  REQUIRE(cli.local("setup").status == 0);
  const std::string password = cli.credentials().at("password");
  for (const auto& [path, content] : tree(cli.home())) {
    const bool may = path == "redis-credentials.json" || path == "local/raibid-redis/password";
    INFO(path);
    CHECK((content.find(password) != std::string::npos) == may);
  }
  const std::string pid = std::to_string(cli.status().at("pid").get<int>());
  for (const char* file : {"cmdline", "environ"}) {
    CHECK(attempt({"cat", "/proc/" + pid + "/" + file}).out.find(password) == std::string::npos);
  }
  CHECK(cli.local("setup", {"--dry-run"}).out.find(password) == std::string::npos);
}

TEST_CASE("local: a setting that Redis refuses is undone to the last file") {
  LocalCli cli;
  const auto before = tree(cli.home());
  const std::string preset = (cli.folder() / "bad.yaml").string();
  must({"sh", "-c", "cat > " + preset},
       "name: bad\ndescription: a directive that Redis does not know\nredis:\n  no-such-directive: 1\n");
  const Output failed = cli.local("setup", {"--preset", preset, "-n", "x", "--release", "x-redis"});
  INFO(said(failed));
  CHECK(failed.status == 4);
  CHECK(failed.err.find("no-such-directive") != std::string::npos);
  auto after = tree(cli.home());
  for (const char* folder : {"journal", "local", "evidence"}) after.erase(folder);
  CHECK(after == before);
}

TEST_CASE("local: a server that ends at its start is noticed at once, with what it said last") {
  LocalCli cli;
  const std::string preset = (cli.folder() / "bad.yaml").string();
  must({"sh", "-c", "cat > " + preset},
       "name: bad\ndescription: a user with a command that Redis does not know\n"
       "user:\n  name: app\n  keys: ['*']\n  commands: [ping, nosuchcommand]\n");
  const TimePoint began = real_runner().now();
  const Output failed = cli.local("setup", {"--preset", preset, "-n", "x", "--release", "x-redis", "--user", "app"});
  INFO(said(failed));
  CHECK(failed.status == 4);
  CHECK(real_runner().now() - began < std::chrono::seconds(15));  // the wait for one that lives is 20
  CHECK(failed.err.find("ended at its start") != std::string::npos);
  CHECK(failed.err.find("nosuchcommand") != std::string::npos);
}

TEST_CASE("local: url and connect") {
  LocalCli cli;
  CHECK(cli.local("url").status == 6);
  REQUIRE(cli.local("setup").status == 0);
  const nlohmann::json credentials = cli.credentials();
  const std::string password = credentials.at("password");
  const std::string port = std::to_string(credentials.at("port").get<int>());
  CHECK(cli.local("url").out == "redis://127.0.0.1:" + port + "\n");
  CHECK(cli.local("url", {"--with-password"}).out == "redis://default:" + password + "@127.0.0.1:" + port + "\n");
  const Output ping = cli.local("connect", {"--", "redis-cli", "PING"});
  INFO(said(ping));
  CHECK(ping.out == "PONG\n");
}

TEST_CASE("local: status is red when a stream was trimmed without regard to its group, and says how many jobs went") {
  LocalCli cli;
  REQUIRE(cli.local("setup").status == 0);
  const nlohmann::json credentials = cli.credentials();
  for (int job = 0; job < 30; ++job) redis(credentials, {"XADD", "raibid:jobs", "MAXLEN", "10", "*", "job_id", "x"});
  const Output trimmed = cli.local("status");
  INFO(said(trimmed));
  CHECK(trimmed.status == 1);
  CHECK(trimmed.out.find("20 jobs were dropped before any worker got them") != std::string::npos);
  CHECK(trimmed.out.find("raibid-cli queue trim --target local") != std::string::npos);
  CHECK(cli.status()["streams"][0]["groups"][0]["lost_undelivered"] == 20);

  redis(credentials, {"XREADGROUP", "GROUP", "raibid-workers", "one", "COUNT", "10", "STREAMS", "raibid:jobs", ">"});
  redis(credentials, {"XTRIM", "raibid:jobs", "MAXLEN", "4"});
  CHECK(cli.status()["streams"][0]["groups"][0]["lost_pending"] == 6);
}

TEST_CASE("local: a cluster that was named and is not there is an error, not this machine's Redis") {
  LocalCli cli;
  REQUIRE(cli.local("setup").status == 0);
  CHECK(cli({"status"}).status == 0);
  const Output named = cli({"status", "--context", "nowhere"});
  INFO(said(named));
  CHECK(named.status == 3);
}

TEST_CASE("local: a user whose rights were changed in the running server is named, and put right without a restart") {
  LocalCli cli;
  REQUIRE(cli.local("setup").status == 0);
  const nlohmann::json credentials = cli.credentials();
  const int pid = cli.status().at("pid");
  REQUIRE(redis(credentials, {"ACL", "SETUSER", "health", "+@all", "~*"}) == "OK");
  const Output seen = cli.local("status");
  INFO(said(seen));
  CHECK(seen.status == 1);
  CHECK(seen.out.find("user health may run +@all instead of -@all +ping, has the keys ~* instead of none") !=
        std::string::npos);
  const Output again = cli.local("setup");
  INFO(said(again));
  CHECK(again.status == 0);
  CHECK(again.out.find("Ready in") != std::string::npos);
  CHECK(cli.local("status").status == 0);
  CHECK(cli.status().at("pid") == pid);
  CHECK(cli.local("setup").out.find("Nothing changed") != std::string::npos);
}

TEST_CASE("local: a change that fails in a later step gives redis.conf and the record back") {
  Cli cli;
  REQUIRE(cli({"setup", "redis", "--target", "local"}).status == 0);
  REQUIRE(cli({"connect", "redis", "--target", "local", "--", "redis-cli", "set", "text", "1"}).status == 0);
  const auto before = tree(cli.home() / "local");
  const std::string conf = before.at("raibid-redis/redis.conf"), state = before.at("raibid-redis/state.json");
  const Output failed = cli({"setup", "redis", "--target", "local", "--stream", "text", "--memory-limit", "2Gi"});
  INFO(said(failed));
  CHECK(failed.status == 4);
  const auto after = tree(cli.home() / "local");
  CHECK(after.at("raibid-redis/redis.conf") == conf);
  CHECK(after.at("raibid-redis/state.json") == state);
  CHECK(cli({"status", "--target", "local"}).status == 0);
  CHECK(cli({"setup", "redis", "--target", "local"}).status == 0);
  for (const auto& [path, content] : tree(cli.home() / "local")) CHECK(path.find(".previous") == std::string::npos);
  CHECK(cli({"teardown", "redis", "--target", "local", "--yes", "--delete-data"}).status == 0);
}

TEST_CASE("local: a server whose pid file is gone is found, and its data do not go under it") {
  Cli cli;
  REQUIRE(cli({"setup", "redis", "--target", "local"}).status == 0);
  std::filesystem::remove(cli.home() / "local" / "raibid-redis" / "redis.pid");
  CHECK(cli({"status", "--target", "local"}).status == 0);
  CHECK(cli({"setup", "redis", "--target", "local"}).status == 0);
  CHECK(cli({"teardown", "redis", "--target", "local", "--yes", "--delete-data"}).status == 0);
  CHECK(tree(cli.home() / "local").empty());
}

TEST_CASE("local: history says who changed what, and rollback goes back to it, as often as one likes") {
  LocalCli cli;
  REQUIRE(cli.local("setup").status == 0);
  const nlohmann::json credentials = cli.credentials();
  const std::string before = redis(credentials, {"CONFIG", "GET", "maxmemory"});
  redis(credentials, {"SET", "kept", "yes"});
  REQUIRE(cli.local("setup", {"--memory-limit", "1Gi"}).status == 0);
  REQUIRE(cli.local("setup", {"--memory-limit", "1Gi"}).status == 0);  // changes nothing, and is no revision
  const std::string grown = redis(credentials, {"CONFIG", "GET", "maxmemory"});
  CHECK(grown != before);
  const auto history = [&cli] { return nlohmann::json::parse(cli.local("history", {"-o", "json"}).out); };
  nlohmann::json all = history();
  REQUIRE(all.size() == 2);
  CHECK(schema_problem("history", all) == "");
  CHECK(all[0].at("revision") == 2);
  CHECK(all[0].at("current") == true);
  CHECK(all[0].at("operation") == "setup redis");
  CHECK_FALSE(all[0].at("user").get<std::string>().empty());
  CHECK(all[0].at("changes") == nlohmann::json{"--memory-limit 1Gi"});

  const Output would = cli.local("rollback", {"--dry-run"});
  INFO(said(would));
  CHECK(would.status == 0);
  CHECK(would.err.find("no --memory-limit") != std::string::npos);
  CHECK(redis(credentials, {"CONFIG", "GET", "maxmemory"}) == grown);
  CHECK(cli.local("rollback").status == 2);  // there is nobody to ask
  const Output back = cli.local("rollback", {"--yes", "-o", "json"});
  INFO(said(back));
  REQUIRE(back.status == 0);
  CHECK(schema_problem("rollback", nlohmann::json::parse(back.out)) == "");
  CHECK(redis(credentials, {"CONFIG", "GET", "maxmemory"}) == before);
  CHECK(redis(credentials, {"GET", "kept"}) == "yes");
  all = history();
  REQUIRE(all.size() == 3);
  CHECK(all[0].at("operation") == "rollback redis");
  CHECK(all[0].at("changes") == nlohmann::json{"no --memory-limit"});

  CHECK(cli.local("rollback", {"2", "--yes"}).status == 0);
  CHECK(redis(credentials, {"CONFIG", "GET", "maxmemory"}) == grown);
  CHECK(cli.local("rollback", {"9", "--yes"}).status == 3);
  CHECK(cli.local("rollback", {"four", "--yes"}).status == 2);
  CHECK(cli.local("upgrade").status == 3);
}

TEST_CASE("local: rollback goes by the revision alone, and says whom it locks out") {
  LocalCli cli;
  REQUIRE(cli.local("setup").status == 0);
  const nlohmann::json credentials = cli.credentials();
  const std::string before = redis(credentials, {"CONFIG", "GET", "maxmemory"});
  REQUIRE(cli.local("setup", {"--memory-limit", "1Gi"}).status == 0);
  cli.set("RAIBID_MEMORY_LIMIT", "2Gi");  // neither this nor config.yaml was part of that revision
  cli.set("RAIBID_PRESET", "mxclone");
  write_atomic(cli.home() / "config.yaml", "memory-limit: 3Gi\n");
  const Output back = cli.local("rollback", {"--release", "raibid-redis", "-n", "raibid-redis", "--yes"});
  INFO(said(back));
  REQUIRE(back.status == 0);
  CHECK(redis(credentials, {"CONFIG", "GET", "maxmemory"}) == before);
  CHECK(back.err.find("Redis is not restarted") != std::string::npos);
  std::filesystem::remove(cli.home() / "config.yaml");
  cli.set("RAIBID_MEMORY_LIMIT", "512Mi");
  cli.set("RAIBID_PRESET", "raibid");

  REQUIRE(cli.local("setup", {"--user", "worker", "--yes"}).status == 0);
  const Output would = cli.local("rollback", {"--dry-run"});
  INFO(said(would));
  CHECK(would.err.find("clients that log in as worker are refused") != std::string::npos);
  CHECK(would.err.find("kept from an earlier setup") == std::string::npos);
  const nlohmann::json all = nlohmann::json::parse(cli.local("history", {"-o", "json"}).out);
  CHECK(all[0].at("changes") == nlohmann::json{"--memory-limit 512Mi", "--user worker"});
  // at last one that restarts Redis is named as one
  REQUIRE(cli.local("setup", {"--tls", "--yes"}).status == 0);
  const Output restarts = cli.local("rollback", {"--dry-run"});
  INFO(said(restarts));
  CHECK(restarts.err.find("Redis restarts: TLS on → off") != std::string::npos);
  const nlohmann::json tls = nlohmann::json::parse(cli.local("history", {"-o", "json"}).out);
  CHECK(tls[0].at("changes") == nlohmann::json{"--tls"});
}

TEST_CASE("local: status tells used space, memory, slow log and, at a later look, what has grown") {
  LocalCli cli;
  REQUIRE(cli.local("setup").status == 0);
  const nlohmann::json credentials = cli.credentials();
  redis(credentials, {"CONFIG", "SET", "slowlog-log-slower-than", "0"});
  redis(credentials, {"SET", "blob", std::string(100'000, 'x')});
  redis(credentials, {"CONFIG", "SET", "slowlog-log-slower-than", "10000"});
  nlohmann::json status = cli.status();
  CHECK(schema_problem("status", status) == "");
  REQUIRE(status.at("storage").size() == 1);
  CHECK(status.at("storage")[0].at("used_bytes") > 100'000);
  CHECK(status.at("storage")[0].at("growth").is_null());
  CHECK(status.at("redis").at("memory_growth").is_null());
  CHECK(status.at("redis").at("slow_log").at("entries") > 0);
  CHECK(status.at("redis").at("slow_log").at("slowest").at("microseconds") >= 0);
  // as if that had been an hour ago
  std::filesystem::path kept;
  for (const auto& entry : std::filesystem::directory_iterator(cli.home() / "local/raibid-redis/usage"))
    kept = entry.path();
  nlohmann::json sample = nlohmann::json::parse(read_file(kept).value_or(""));
  sample["at"] = sample.at("at").get<std::int64_t>() - 3600;
  write_atomic(kept, sample.dump() + "\n");
  redis(credentials, {"EVAL", "redis.call('SET', KEYS[1], string.rep('y', 500000))", "1", "another"});
  status = cli.status();
  CHECK(schema_problem("status", status) == "");
  const nlohmann::json growth = status.at("storage")[0].at("growth");
  REQUIRE_FALSE(growth.is_null());
  CHECK(growth.at("amount") >= 500'000);
  CHECK(growth.at("seconds") >= 3600);
  CHECK(status.at("storage")[0].at("seconds_left") > 0);
  CHECK(status.at("redis").at("memory_growth").at("amount") >= 500'000);
  const Output text = cli.local("status");
  INFO(said(text));
  CHECK(text.out.find(" at this rate") != std::string::npos);
  CHECK(text.out.find("slow log") != std::string::npos);
}

TEST_CASE("local: status --watch shows every check on 80 columns, fits a low terminal, and leaves a clean one") {
  LocalCli cli;
  REQUIRE(cli.local("setup").status == 0);
  const std::vector<std::string> words = {RAIBID_CLI, "status",  "redis",      "--target",
                                          "local",    "--watch", "--interval", "200ms"};
  const std::map<std::string, std::string> environment = {
      {"RAIBID_HOME", cli.home().string()}, {"HOME", cli.folder().string()}, {"PATH", ::getenv("PATH")}};
  Pty pty(words, environment, 80, 24);
  const termios before = pty.settings();
  for (const char* part : {"every 200ms; Ctrl-C ends it", "healthy", "✓", "server ", "storage ", "memory ", "group "})
    REQUIRE(pty.shows(part));
  REQUIRE(pty.shows("\x1b[J"));  // a second look is in place of the first
  pty.resize(60, 6);
  REQUIRE(pty.shows("\x1b[H\x1b[J"));
  REQUIRE(pty.shows("that passed"));
  pty.type("\x03");
  CHECK(pty.end() == 0);
  CHECK(pty.written().ends_with("\r\x1b[K"));
  CHECK(pty.settings().c_lflag == before.c_lflag);
  const std::regex escapes("\x1b\\[[0-9;]*[A-Za-z]");
  const std::string plain = std::regex_replace(pty.written(), escapes, "");
  for (const std::string& line : split(plain, '\n')) CHECK(display_width(printable(line)) <= 80);
}

TEST_CASE("local: support writes one archive that has what an issue needs, and no secret, host or user") {
  LocalCli cli;
  REQUIRE(cli.local("setup").status == 0);
  const nlohmann::json credentials = cli.credentials();
  redis(credentials, {"CONFIG", "SET", "slowlog-log-slower-than", "0"});
  redis(credentials, {"SET", "a-job", "a-payload-of-a-job"});
  // someone else has changed it, on another machine
  REQUIRE(cli.local("setup", {"--allow-from", "billing-team", "--yes"}).status == 0);
  const std::filesystem::path history = cli.home() / "local/raibid-redis/history.jsonl";
  nlohmann::json line = nlohmann::json::parse(split(read_file(history).value_or(""), '\n').front());
  line["user"] = "alice.smith";
  line["host"] = "laptop-of-alice";
  write_atomic(history, line.dump() + "\n" + read_file(history).value_or(""));
  const std::string file = (cli.folder() / "issue.tar.gz").string();
  const Output written = cli.local("support", {file});
  INFO(said(written));
  REQUIRE(written.status == 0);
  CHECK(written.out.find("Replaced in it:") != std::string::npos);
  const std::string names = must({"tar", "-tzf", file});
  for (const char* name :
       {"versions.txt", "doctor.json", "status.txt", "history.txt", "journal.txt", "redis/info.txt", "redis/config.txt",
        "redis/slowlog.txt", "evidence/redis.log", "evidence/redis.conf", "timeline.txt", "replaced.txt"})
    CHECK_MESSAGE(names.find(name) != std::string::npos, name);
  const std::string all = must({"tar", "-xzOf", file});
  CHECK(all.find("not collected") == std::string::npos);
  CHECK(all.find("redis_version:") != std::string::npos);
  CHECK(all.find(" SET 2") != std::string::npos);
  CHECK(all.find(credentials.at("password").get<std::string>()) == std::string::npos);
  for (const char* name : {"a-payload-of-a-job", "alice.smith", "laptop-of-alice", "billing-team"})
    CHECK_MESSAGE(all.find(name) == std::string::npos, name);
  CHECK(all.find(cli.home().string()) == std::string::npos);
  // as a word: a short name is part of others
  CHECK_FALSE(std::regex_search(all, std::regex("\\b" + std::string(trim(must({"hostname"}))) + "\\b")));
  struct stat info {};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  const Output again = cli.local("support", {file});
  CHECK(again.status == 2);
  CHECK(again.err.find("is not overwritten") != std::string::npos);
}
