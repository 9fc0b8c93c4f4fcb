// Restores into real servers: what is there afterwards, after a kill in each step, and beside an application that
// writes.
#include <doctest/doctest.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <signal.h>

#include "base/strings.hpp"
#include "integration/redis/backup_cli.hpp"
#include "support/cli.hpp"
#include "support/redis_server.hpp"
#include "sys/clock.hpp"

namespace raibid::backup_integration_test {

TEST_CASE("restore: killed at each step, the next setup brings the old data back, and the next restore the new") {
  BackupCli cli;
  cli.set_up();
  cli.redis({"SET", "new", "1"});
  cli.must_end(0, {"backup", "redis", (cli.to() / "new.rdb").string(), "--target", "local"});
  for (const std::string step : {"file", "stop", "data", "start", "compare"}) {
    for (const std::string next : {"setup", "restore"}) {
      CAPTURE(step);
      CAPTURE(next);
      cli.redis({"FLUSHALL"});
      cli.redis({"SET", "old", "1"});
      const Words restore = {"restore", "redis",    (cli.to() / "new.rdb").string(), "--target", "local",
                             "--yes",   "--no-copy"};
      Started started = start(cli, restore);
      REQUIRE(says(cli, *started.process, (step == "compare" ? "unchanged: " : "ok: ") + step));
      ::kill(started.pid, SIGKILL);
      const bool was_killed = end_of(cli, *started.process).status == 128 + SIGKILL;
      const Output after = next == "setup" ? cli({"setup", "redis", "--target", "local"}) : cli(restore);
      INFO(said(after));
      CHECK(after.status == 0);
      const bool old = cli.redis({"EXISTS", "old"}) == "1", fresh = cli.redis({"EXISTS", "new"}) == "1";
      CHECK(old != fresh);
      const bool was_done = after.err.find("the restore was done for good, and the new data stay") != std::string::npos;
      if (was_killed) CHECK(fresh == (next == "restore" || was_done));
      for (const auto& entry : fs::directory_iterator(cli.data())) {
        const std::string name = entry.path().filename();
        CHECK_MESSAGE((name == "appendonlydir" || name == "redis.sock"), name);
      }
    }
  }
}

/// Whether it has been sent and the process, which is stopped, has not had it yet.
bool is_pending(int pid, int signal) {
  const std::string status = read_file(fmt::format("/proc/{}/status", pid)).value_or("");
  const std::string field = "\nShdPnd:\t";
  const std::size_t at = status.find(field);
  if (at == std::string::npos) return false;
  return (std::stoull(status.substr(at + field.size(), 16), nullptr, 16) >> (signal - 1) & 1) == 1;
}

TEST_CASE("restore: killed while Redis was about to end, the next setup starts it again") {
  BackupCli cli;
  cli.set_up();
  cli.redis({"SET", "new", "1"});
  const std::string file = (cli.to() / "new.rdb").string();
  cli.must_end(0, {"backup", "redis", file, "--target", "local"});
  cli.redis({"FLUSHALL"});
  cli.redis({"SET", "old", "1"});
  const int server = std::stoi(*read_file(cli.home() / "local/raibid-redis/redis.pid"));
  const auto pass = [](int milliseconds) {
    real_runner().wait({}, real_runner().now() + std::chrono::milliseconds(milliseconds));
  };
  Started restore = start(cli, {"restore", "redis", file, "--target", "local", "--yes", "--no-copy"});
  REQUIRE(says(cli, *restore.process, "ok: file"));
  ::kill(server, SIGSTOP);
  for (int tries = 0; tries < 100 && !is_pending(server, SIGTERM); ++tries) pass(10);  // it may have had it already
  ::kill(restore.pid, SIGKILL);
  CHECK(end_of(cli, *restore.process).status == 128 + SIGKILL);
  Started setup = start(cli, {"setup", "redis", "--target", "local"});
  CHECK(says(cli, *setup.process, "was interrupted"));
  pass(500);
  ::kill(server, SIGCONT);
  const Output output = end_of(cli, *setup.process);
  INFO(said(output));
  CHECK(output.status == 0);
  CHECK(cli.redis({"EXISTS", "old"}) == "1");
}

TEST_CASE("restore: what must not be restored changes nothing") {
  BackupCli cli;
  cli.set_up();
  cli.redis({"SET", "old", "1"});
  RedisServer source(quick);
  Data(4).fill(*source.connect(), 20);
  Words words = cli.backup(source);
  const fs::path file = cli.to() / "a.rdb";
  words[2] = file.string();
  cli.must_end(0, words);
  const auto restore = [&](const fs::path& from, int status, const std::string& text, Words more = {"--yes"}) {
    Words line = {"restore", "redis", from.string(), "--target", "local"};
    line.insert(line.end(), more.begin(), more.end());
    const Output output = cli.must_end(status, line);
    CHECK_MESSAGE((output.out + output.err).find(text) != std::string::npos, output.err);
    CHECK(cli.redis({"EXISTS", "old"}) == "1");
  };
  restore(file, 2, "there is no terminal to ask on", {});
  restore(file, 0, "Plan:", {"--dry-run"});
  json manifest = json::parse(*read_file(cli.to() / "a.json"));
  const json right = manifest;
  manifest["sha256"] = std::string(64, '0');
  write_atomic(cli.to() / "a.json", manifest.dump());
  restore(file, 3, "is damaged");
  restore(file, 4, "is damaged", {"--yes", "--no-verify", "--no-copy"});
  write_atomic(cli.to() / "a.json", right.dump());
  std::string content = *read_file(file, 1 << 30);
  write_atomic(file, content.substr(0, content.size() - 20));
  restore(file, 3, "is damaged");
  fs::remove(cli.to() / "a.json");
  restore(file, 3, "does not load");
  content[20] = static_cast<char>(content[20] + 1);
  write_atomic(file, content);
  restore(file, 3, "does not load");
  write_atomic(file, "REDIS9999" + content.substr(9));
  restore(file, 3, "is of a newer Redis");
  write_atomic(file, "not a copy of anything");
  restore(file, 1, "is not an RDB file");
  restore(cli.to() / "b.rdb", 2, "there is no such file");
  // a place that is not there: the command that makes it
  const Output missing =
      cli.must_end(6, {"restore", "redis", file.string(), "--target", "local", "--release", "other"});
  CHECK(missing.err.find("raibid-cli setup redis --target local --release other") != std::string::npos);
}

TEST_CASE("restore: Redis has a copy of the backup in the end") {
  BackupCli cli;
  cli.set_up();
  cli.redis({"SET", "new", "1"});
  const fs::path file = cli.to() / "new.rdb";
  cli.must_end(0, {"backup", "redis", file.string(), "--target", "local"});
  const std::string before = *read_file(file);
  cli.redis({"SET", "old", "1"});
  cli.must_end(0, {"restore", "redis", file.string(), "--target", "local", "--yes", "--no-copy", "--no-verify"});
  CHECK(cli.redis({"EXISTS", "new", "old"}) == "1");
  for (const auto& entry : fs::recursive_directory_iterator(cli.data()))
    CHECK_MESSAGE(!entry.is_symlink(), entry.path().string());
  CHECK(*read_file(cli.data() / "appendonlydir/appendonly.aof.1.base.rdb") == before);
}

TEST_CASE("restore: a backup that is replaced while Redis loads it is not taken, and the old data come back") {
  BackupCli cli;
  cli.set_up();
  const fs::path file = cli.to() / "new.rdb";
  // large enough that it still loads when the test has replaced it
  cli.redis(
      {"EVAL", "for i = 1, 500000 do redis.call('SET', 'key' .. i, 'a value of some length, number ' .. i) end", "0"});
  cli.must_end(0, {"backup", "redis", file.string(), "--target", "local"});
  cli.redis({"FLUSHALL"});
  cli.redis({"SET", "old", "1"});
  Started started = start(cli, {"restore", "redis", file.string(), "--target", "local", "--yes", "--no-copy"});
  REQUIRE(says(cli, *started.process, "ok: file"));
  fs::rename(file, cli.to() / "moved.rdb");
  fs::copy_file(cli.to() / "moved.rdb", file);
  const Output output = end_of(cli, *started.process);
  INFO(said(output));
  CHECK(output.status == static_cast<int>(ExitCode::rolled_back));
  CHECK(output.err.find("has changed since it was looked at") != std::string::npos);
  cli.must_end(0, {"setup", "redis", "--target", "local"});  // waits until the old data are loaded
  CHECK(cli.redis({"EXISTS", "old"}) == "1");
  CHECK(cli.redis({"EXISTS", "key1"}) == "0");
}

TEST_CASE("restore: a copy of the present data comes first, and is the way back") {
  BackupCli cli;
  cli.set_up();
  cli.redis({"SET", "first", "1"});
  cli.must_end(0, {"backup", "redis", cli.to().string(), "--target", "local"});
  cli.redis({"FLUSHALL"});
  cli.redis({"SET", "second", "1"});
  const Output restored =
      cli.must_end(0, {"restore", "redis", cli.to().string(), "--target", "local", "--yes", "-o", "json"});
  CHECK(cli.redis({"EXISTS", "first", "second"}) == "1");
  const std::string copy = json::parse(restored.out).at("copy");
  cli.must_end(0, {"restore", "redis", copy, "--target", "local", "--yes", "--no-copy"});
  CHECK(cli.redis({"EXISTS", "second"}) == "1");
  CHECK(cli.redis({"EXISTS", "first"}) == "0");
}

TEST_CASE("restore: into a Redis that does not run, the old data stay beside the new") {
  BackupCli cli;
  cli.set_up();
  cli.redis({"SET", "new", "1"});
  cli.must_end(0, {"backup", "redis", cli.to().string(), "--target", "local"});
  must({"kill", std::string(trim(*read_file(cli.home() / "local/raibid-redis/redis.pid")))});
  real_runner().wait({}, real_runner().now() + std::chrono::milliseconds(500));
  write_atomic(cli.data() / "appendonlydir" / "appendonly.aof.manifest", "damaged");
  const Output restored = cli.must_end(0, {"restore", "redis", cli.to().string(), "--target", "local", "--yes"});
  CHECK(restored.err.find("kept in") != std::string::npos);
  CHECK(cli.redis({"EXISTS", "new"}) == "1");
  const bool kept = std::any_of(fs::directory_iterator(cli.data()), fs::directory_iterator(), [](const auto& entry) {
    return entry.path().filename().string().starts_with("kept-before-restore-");
  });
  CHECK(kept);
}

TEST_CASE("restore --to-time: what Redis held before a mistake, of its own AOF") {
  BackupCli cli;
  const std::string before_all = rfc3339(std::chrono::system_clock::now() - std::chrono::hours(1));
  cli.set_up();
  const auto pass = [](int milliseconds) {
    real_runner().wait({}, real_runner().now() + std::chrono::milliseconds(milliseconds));
  };
  cli.redis({"SET", "kept", "1"});
  for (int job = 0; job < 5; ++job) cli.redis({"XADD", "raibid:jobs", "*", "job_id", std::to_string(job)});
  pass(2100);  // the AOF's times have seconds
  const std::string moment = rfc3339(std::chrono::system_clock::now() - std::chrono::seconds(1));
  pass(1100);
  cli.redis({"FLUSHALL"});
  cli.redis({"SET", "after", "1"});
  CHECK(cli.must_end(2, {"restore", "redis", "copy.rdb", "--to-time", moment, "--target", "local"})
            .err.find("not both") != std::string::npos);
  CHECK(cli.must_end(2, {"restore", "redis", "--to-time", "yesterday", "--target", "local"}).err.find("is no time") !=
        std::string::npos);
  CHECK(cli.must_end(3, {"restore", "redis", "--to-time", before_all, "--target", "local", "--yes"})
            .err.find("the AOF begins after") != std::string::npos);
  CHECK(cli.redis({"GET", "after"}) == "1");
  cli.must_end(0, {"restore", "redis", "--to-time", moment, "--target", "local", "--dry-run"});
  CHECK(cli.redis({"GET", "after"}) == "1");
  const Output back = cli.must_end(0, {"restore", "redis", "--to-time", moment, "--target", "local", "--yes"});
  CHECK(back.out.find("Restored what it held at " + moment) != std::string::npos);
  CHECK(cli.redis({"GET", "kept"}) == "1");
  CHECK(cli.redis({"XLEN", "raibid:jobs"}) == "5");
  CHECK(cli.redis({"EXISTS", "after"}) == "0");
  CHECK(tree(cli.home() / "backups").size() == 2);  // what was there before

  const auto refused = [&](const std::string& time) {
    return cli.must_end(3, {"restore", "redis", "--to-time", time, "--target", "local", "--yes"})
               .err.find("the AOF begins after") != std::string::npos;
  };
  // nothing was written since that restore, so nothing can be cut away
  CHECK(refused(before_all));
  // a rewrite is under way, and the commands of the moment are in the part before the last
  cli.redis({"SET", "kept", "2"});
  pass(2100);
  const std::string before_rewrite = rfc3339(std::chrono::system_clock::now() - std::chrono::seconds(1));
  pass(1100);
  cli.redis({"CONFIG", "SET", "rdb-key-save-delay", "60000000"});
  cli.redis({"BGREWRITEAOF"});
  cli.redis({"FLUSHALL"});
  cli.must_end(0, {"restore", "redis", "--to-time", before_rewrite, "--target", "local", "--yes", "--no-copy"});
  CHECK(cli.redis({"GET", "kept"}) == "2");
  // commands of no known time are in it
  cli.redis({"CONFIG", "SET", "aof-timestamp-enabled", "no"});
  cli.redis({"SET", "untimed", "1"});
  pass(1100);
  const std::string untimed = rfc3339(std::chrono::system_clock::now());
  pass(1100);
  cli.redis({"CONFIG", "SET", "aof-timestamp-enabled", "yes"});
  cli.redis({"SET", "timed", "#TS:1\r\n#TS:1\r\n"});
  CHECK(refused(untimed));
  CHECK(cli.redis({"EXISTS", "timed"}) == "1");
  cli.redis({"CONFIG", "SET", "aof-timestamp-enabled", "no"});
  CHECK(cli.must_end(3, {"restore", "redis", "--to-time", moment, "--target", "local", "--yes"})
            .err.find("writes no times into its AOF") != std::string::npos);
}

TEST_CASE("restore --live: key by key into a server of someone else, which has to be empty") {
  BackupCli cli;
  RedisServer source(quick), target(quick);
  Data(3).fill(*source.connect(), 60);
  const auto before = everything(*source.connect());
  const fs::path file = cli.to() / "all.rdb";
  Words words = cli.backup(source);
  words[2] = file.string();
  cli.must_end(0, words);
  const Words restore = {"restore", "redis", file.string(), "--target", "external", "--url", cli.url(target)};
  const auto with = [&](Words more) {
    more.insert(more.begin(), restore.begin(), restore.end());
    return more;
  };
  CHECK(cli.must_end(3, with({"--yes"})).err.find("--live") != std::string::npos);
  cli.must_end(0, with({"--live", "--dry-run"}));
  checked(*target.connect(), {"SET", "theirs", "1"});
  CHECK(cli.must_end(3, with({"--live", "--yes"})).err.find("overwrites nothing") != std::string::npos);
  CHECK(checked(*target.connect(), {"DBSIZE"}).integer == 1);
  checked(*target.connect(), {"FLUSHALL"});
  cli.must_end(0, with({"--live", "--yes"}));
  CHECK(join(differences(everything(*target.connect()), before), "\n") == "");

  // a user that may not restore: nothing of it stays
  checked(*target.connect(), {"FLUSHALL"});
  checked(*target.connect(), {"FUNCTION", "FLUSH"});
  checked(*target.connect(), {"ACL", "SETUSER", "half", "on", ">pw", "~*", "+@all", "-restore"});
  write_atomic(cli.folder() / "pw", "pw\n");
  const Words as_half = {"restore",
                         "redis",
                         file.string(),
                         "--live",
                         "--yes",
                         "--target",
                         "external",
                         "--url",
                         fmt::format("redis://half@127.0.0.1:{}", target.port()),
                         "--password-file",
                         (cli.folder() / "pw").string()};
  const Output refused = cli.must_end(4, as_half);
  CHECK(refused.err.find("may not restore") != std::string::npos);
  CHECK(checked(*target.connect(), {"DBSIZE"}).integer == 0);
  CHECK(checked(*target.connect(), {"FUNCTION", "LIST"}).items.empty());

  // functions of others stay when it fails
  checked(*target.connect(),
          {"FUNCTION", "LOAD", "#!lua name=theirs\nredis.register_function('g', function() return 1 end)"});
  cli.must_end(4, as_half);
  CHECK(checked(*target.connect(), {"FUNCTION", "LIST"}).items.size() == 1);
  checked(*target.connect(), {"FUNCTION", "FLUSH"});

  // what a run that was killed left: the same one goes on, another one is refused
  const std::string sum = json::parse(*read_file(cli.to() / "all.json", 1 << 20)).at("sha256");
  checked(*target.connect(), {"SET", "raibid:restore", "other"});
  CHECK(cli.must_end(3, with({"--live", "--yes"})).err.find("another restore") != std::string::npos);
  checked(*target.connect(), {"SET", "raibid:restore", sum});
  // it fails again: what is in it may be an application's by now, and stays
  checked(*target.connect(), {"SET", "half", "1"});
  CHECK(cli.must_end(5, as_half).err.find("stays") != std::string::npos);
  CHECK(checked(*target.connect(), {"GET", "half"}).text == "1");
  CHECK(checked(*target.connect(), {"GET", "raibid:restore"}).text == sum);
  checked(*target.connect(), {"DEL", "half"});
  cli.must_end(0, with({"--live", "--yes"}));
  CHECK(join(differences(everything(*target.connect()), before), "\n") == "");
}

TEST_CASE("restore --live: what an application changed after a kill is not overwritten") {
  BackupCli cli;
  RedisServer source(quick), target(quick);
  for (const char* const key : {"one", "two"}) checked(*source.connect(), {"SET", key, "of the backup"});
  const fs::path file = cli.to() / "all.rdb";
  Words words = cli.backup(source);
  words[2] = file.string();
  cli.must_end(0, words);
  const std::string sum = json::parse(*read_file(cli.to() / "all.json", 1 << 20)).at("sha256");
  checked(*target.connect(), {"MSET", "raibid:restore", sum, "one", "of the application"});
  cli.must_end(
      0, {"restore", "redis", file.string(), "--live", "--yes", "--target", "external", "--url", cli.url(target)});
  CHECK(checked(*target.connect(), {"GET", "one"}).text == "of the application");
  CHECK(checked(*target.connect(), {"GET", "two"}).text == "of the backup");
  CHECK(checked(*target.connect(), {"EXISTS", "raibid:restore"}).integer == 0);
}

}  // namespace raibid::backup_integration_test
