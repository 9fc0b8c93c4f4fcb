// Backups of real servers: every kind of data is in them, and one that was cut, killed or ran into a full disk is not
// there.
#include <doctest/doctest.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <signal.h>
#include <sys/stat.h>

#include "base/strings.hpp"
#include "integration/redis/backup_cli.hpp"
#include "support/cli.hpp"
#include "support/machine.hpp"
#include "support/redis_server.hpp"
#include "support/tcp_server.hpp"

namespace raibid::backup_integration_test {

TEST_CASE("backup: random data of every type are the same after backup, restore, and another backup") {
  BackupCli cli;
  cli.set_up();
  for (const unsigned seed : {1U, 2U}) {
    CAPTURE(seed);
    RedisServer source(quick);
    Data(seed).fill(*source.connect(), 60);
    const auto before = everything(*source.connect());
    CHECK(before.size() > 150);
    const fs::path file = cli.to() / fmt::format("first{}.rdb", seed),
                   again = cli.to() / fmt::format("second{}.rdb", seed);
    Words words = cli.backup(source);
    words[2] = file.string();
    const Output taken = cli.must_end(0, words);
    CHECK(taken.err.find("loads it") != std::string::npos);
    struct stat found {};
    REQUIRE(::stat(file.c_str(), &found) == 0);
    CHECK((found.st_mode & 0777) == 0600);
    CHECK(everything(*source.connect()) == before);  // nobody touched it
    cli.must_end(0, {"backup", "verify", file.string()});
    cli.must_end(0, {"restore", "redis", file.string(), "--target", "local", "--yes", "--no-copy"});
    cli.redis({"CONFIG", "SET", "repl-diskless-sync-delay", "0"});
    cli.must_end(0, {"backup", "redis", again.string(), "--target", "local"});
    RedisServer copy(quick);
    copy_into(again, copy, quick);
    CHECK(everything(*copy.connect()) == before);
    // and it is there after a restart: Redis has made a whole AOF of it
    must({"kill", cli.redis({"EVAL", "return redis.call('INFO','server'):match('process_id:(%d+)')", "0"})});
    const TimePoint until = real_runner().now() + std::chrono::seconds(10);
    while (cli({"status", "redis", "--target", "local"}).out.find("stopped") == std::string::npos &&
           real_runner().now() < until) {
    }
    cli.must_end(0, {"setup", "redis", "--target", "local"});
    cli.redis({"CONFIG", "SET", "repl-diskless-sync-delay", "0"});
    CHECK(cli.redis({"DBSIZE"}) == std::to_string(std::count_if(before.begin(), before.end(),
                                                                [](const auto& one) {
                                                                  return one.first.starts_with("0:") ||
                                                                         one.first.starts_with("-none");
                                                                }) +
                                                  (cli.redis({"EXISTS", "raibid:jobs"}) == "1" ? 1 : 0)));
  }
}

TEST_CASE("backup: the manifest, the list, standard output, and what is kept") {
  BackupCli cli;
  RedisServer source(quick);
  checked(*source.connect(), {"SET", "a", "1"});
  checked(*source.connect(), {"XGROUP", "CREATE", "raibid:jobs", "raibid-workers", "0", "MKSTREAM"});
  for (int i = 0; i < 3; ++i) {
    cli.must_end(0, cli.backup(source));
    real_runner().wait({}, real_runner().now() + std::chrono::milliseconds(1100));  // names have seconds
  }
  CHECK(cli.files(".rdb").size() == 3);
  CHECK(cli.files(".part").empty());
  const json list = json::parse(cli.must_end(0, {"backup", "ls", cli.to().string(), "-o", "json"}).out);
  REQUIRE(list.size() == 3);
  CHECK(list[0].at("verified") == true);
  CHECK(list[0].at("keys") == 2);
  CHECK(list[0].at("whole") == true);
  const Output piped = cli({"backup", "redis", "-", "--target", "external", "--url", cli.url(source)});
  CHECK(piped.status == 0);
  CHECK(piped.out.starts_with("REDIS0"));
  RedisServer copy(quick);
  write_atomic(cli.folder() / "piped.rdb", piped.out);
  copy_into(cli.folder() / "piped.rdb", copy, quick);
  CHECK(checked(*copy.connect(), {"GET", "a"}).text == "1");
  // the drill: loaded, and the preset's operations on it
  Words drill = {"backup",   "drill",  cli.to().string(), "--release", "raibid-redis",
                 "--preset", "raibid", "--target",        "local"};
  CHECK(cli.must_end(0, drill).out.find("This backup can be restored") != std::string::npos);
  drill.insert(drill.end(), {"--max-age", "1s"});
  CHECK(cli.must_end(1, drill).err.find("older than --max-age") != std::string::npos);
  // someone else's files stay, whatever they are called
  write_atomic(cli.to() / "dump.rdb", "REDIS0010");
  write_atomic(cli.to() / "raibid-redis-20200101T000000Z.rdb", "REDIS0010");
  const Words prune = {"backup", "prune", cli.to().string(), "--keep", "1"};
  CHECK(cli(prune).status == 2);  // nobody to ask
  CHECK(cli.files(".rdb").size() == 5);
  Words dry = prune;
  dry.push_back("--dry-run");
  CHECK(cli.must_end(0, dry).err.find("Will be removed") != std::string::npos);
  CHECK(cli.files(".rdb").size() == 5);
  Words sure = prune;
  sure.push_back("--yes");
  cli.must_end(0, sure);
  CHECK(cli.files(".rdb").size() == 3);
  CHECK(cli.files(".json").size() == 1);
  cli.must_end(0, cli.backup(source, {"--keep", "1"}));
  CHECK(cli.files(".json").size() == 1);
  CHECK(cli.must_end(2, {"backup", "prune", cli.to().string()}).err.find("--keep-daily") != std::string::npos);
}

TEST_CASE(
    "backup: a user that may only replicate is enough; where SYNC is forbidden that is said, and nothing is left") {
  BackupCli cli;
  RedisServer source(std::string(quick) +
                     "user only on >pw ~* -@all +psync +sync +replconf +ping +info\n"
                     "user app on >pw ~* +@all -@dangerous +info\n");
  checked(*source.connect(), {"SET", "a", "1"});
  write_atomic(cli.folder() / "pw", "pw\n");
  const auto words = [&](const std::string& user) {
    return Words{"backup",
                 "redis",
                 (cli.to() / (user + ".rdb")).string(),
                 "--target",
                 "external",
                 "--url",
                 fmt::format("redis://{}@127.0.0.1:{}", user, source.port()),
                 "--password-file",
                 (cli.folder() / "pw").string()};
  };
  cli.must_end(0, words("only"));
  CHECK(cli.files(".rdb").size() == 1);
  const Output refused = cli.must_end(3, words("app"));
  CHECK(refused.err.find("does not let us copy its data over the replication protocol") != std::string::npos);
  CHECK(cli.files("").size() == 2);
}

TEST_CASE("backup: cut, interrupted or killed: whole or not there, and the next run leaves nothing of it") {
  BackupCli cli;
  RedisServer source(quick);
  fill_slowly(*source.connect());
  const auto redis = source.connect();
  const auto in_the_middle = [&] {
    Started started = start(cli, cli.backup(source));
    const TimePoint until = real_runner().now() + std::chrono::seconds(30);
    while (cli.files(".part").empty() && real_runner().now() < until)
      real_runner().wait({}, real_runner().now() + std::chrono::milliseconds(20));
    while (checked(*redis, {"INFO", "replication"}).text.find("state=send_bulk") == std::string::npos &&
           checked(*redis, {"INFO", "persistence"}).text.find("rdb_bgsave_in_progress:1") == std::string::npos &&
           real_runner().now() < until) {
    }
    return started;
  };
  SUBCASE("Redis cuts the connection") {
    Started started = in_the_middle();
    checked(*redis, {"CLIENT", "KILL", "TYPE", "replica"});
    const Output cut = end_of(cli, *started.process);
    CHECK(cut.status == 1);
    CHECK_MESSAGE(cut.err.find("closed the connection") != std::string::npos, cut.err);
    CHECK(cli.files("").empty());
  }
  SUBCASE("Ctrl-C") {
    Started started = in_the_middle();
    ::kill(started.pid, SIGINT);
    CHECK(end_of(cli, *started.process).status == 130);
    CHECK(cli.files("").empty());
  }
  SUBCASE("kill -9") {
    Started started = in_the_middle();
    ::kill(started.pid, SIGKILL);
    end_of(cli, *started.process);
    CHECK(cli.files(".rdb").empty());
    CHECK(cli.files(".rdb.part").size() == 1);
    checked(*redis, {"CONFIG", "SET", "rdb-key-save-delay", "0"});
    cli.must_end(0, cli.backup(source));
    CHECK(cli.files(".part").empty());
    CHECK(cli.files(".rdb").size() == 1);
  }
  CHECK(checked(*redis, {"DBSIZE"}).integer == 3000);
}

TEST_CASE("backup: a full disk leaves nothing") {
  BackupCli cli;
  RedisServer source(quick);
  const auto redis = source.connect();
  Data(3).fill(*redis, 60);
  const Output full = cli.shell("trap '' XFSZ; ulimit -f 16; exec \"$RAIBID_CLI\" " + shell_join(cli.backup(source)));
  INFO(said(full));
  CHECK(full.status == 1);
  CHECK(full.err.find(".part: File too large") != std::string::npos);
  CHECK(cli.files("").empty());
}

TEST_CASE("backup: of a Redis that speaks TLS, and back") {
  BackupCli cli;
  REQUIRE(cli.must_end(0, {"setup", "redis", "--target", "local", "--tls"}).status == 0);
  const Words redis = {"connect", "redis", "--target", "local", "--", "redis-cli"};
  const auto ask = [&](Words words) {
    words.insert(words.begin(), redis.begin(), redis.end());
    return std::string(trim(cli(words).out));
  };
  ask({"SET", "kept", "1"});
  const Output taken = cli.must_end(0, {"backup", "redis", cli.to().string(), "--target", "local", "-o", "json"});
  CHECK(json::parse(taken.out).at("verified") == true);
  ask({"FLUSHALL"});
  cli.must_end(0, {"restore", "redis", cli.to().string(), "--target", "local", "--yes"});
  CHECK(ask({"GET", "kept"}) == "1");
  CHECK(cli({"status", "redis", "--target", "local"}).status == 0);
}

TEST_CASE("a schedule of backups on this machine: setup prints a timer and installs nothing") {
  BackupCli cli;
  const Output made = cli.must_end(0, {"setup", "redis", "--target", "local", "--backup-schedule", "30 3 * * mon-fri",
                                       "--backup-to", cli.to().string(), "--backup-keep", "5"});
  for (const std::string& line : Words{"OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 03:30:00", "Persistent=true",
                                       "# ~/.config/systemd/user/raibid-redis-backup.timer"})
    CHECK_MESSAGE(made.err.find(line) != std::string::npos, line);
  const std::size_t at = made.err.find("ExecStart=");
  REQUIRE(at != std::string::npos);
  const std::string line = made.err.substr(at + 10, made.err.find('\n', at) - at - 10);
  CHECK(line.front() == '/');
  CHECK(line.ends_with("/raibid-cli backup redis --target local " + cli.to().string() + " --keep 5 -q"));
  CHECK(made.err.find("Environment=\"RAIBID_HOME=" + cli.home().string()) != std::string::npos);
  CHECK_FALSE(fs::exists(cli.home() / ".config"));
  // as it stands
  Words words = split(line, ' ');
  words.erase(words.begin());
  cli.must_end(0, words);
  CHECK(cli.files(".rdb").size() == 1);
  const Output fresh = cli({"status", "redis", "--target", "local"});
  CHECK(fresh.out.find("✓ backup       last success ") != std::string::npos);
  const fs::path file = cli.to() / cli.files(".rdb").front();
  // half a file does not count as a backup, and status knows since when there should be one
  const std::string whole = *read_file(file);
  write_atomic(file, whole.substr(1));
  CHECK(cli({"status", "redis", "--target", "local"}).out.find("✓ backup       none yet") != std::string::npos);
  const fs::path history = cli.home() / "local/raibid-redis/history.jsonl";
  json row = json::parse(*read_file(history));
  row["at"] = "2026-01-01T00:00:00Z";
  write_atomic(history, row.dump() + "\n");
  const Output never = cli({"status", "redis", "--target", "local"});
  CHECK(never.status == 1);
  CHECK(never.out.find("✗ backup       none in ") != std::string::npos);
  write_atomic(file, whole);
  for (const char* const ending : {".rdb", ".json"}) {
    fs::path now = file;
    fs::rename(now.replace_extension(ending), cli.to() / ("raibid-redis-20260101T000000Z" + std::string(ending)));
  }
  const Output old = cli({"status", "redis", "--target", "local"});
  CHECK(old.status == 1);
  CHECK(old.out.find("✗ backup       last success 2026-01-01T00:00:00Z") != std::string::npos);
}

TEST_CASE("backup: a store of rclone, by a path, by WebDAV and by S3") {
  if (program("rclone").empty()) {
    MESSAGE("no rclone here");
    return;
  }
  BackupCli cli;
  RedisServer source(quick);
  Data(5).fill(*source.connect(), 40);
  const fs::path store = cli.folder() / "store";
  fs::create_directories(store);
  const int port = free_port();
  const auto serve = real_runner().start({{"rclone", "serve", "webdav", store.string(), "--addr",
                                           fmt::format("127.0.0.1:{}", port), "--config", "/dev/null"},
                                          "",
                                          {}});
  const auto answers = [](int at) {
    const TimePoint until = real_runner().now() + std::chrono::seconds(20);
    while (!attempt({"curl", "-s", "-o", "/dev/null", fmt::format("http://127.0.0.1:{}/", at)}).ok() &&
           real_runner().now() < until) {
    }
  };
  answers(port);
  cli.set("RCLONE_CONFIG", "/dev/null");
  cli.set("RCLONE_CONFIG_DISK_TYPE", "local");
  cli.set("RCLONE_CONFIG_DAV_TYPE", "webdav");
  cli.set("RCLONE_CONFIG_DAV_VENDOR", "other");
  cli.set("RCLONE_CONFIG_DAV_URL", fmt::format("http://127.0.0.1:{}", port));
  Words stores = {"rclone:disk:" + (store / "a").string(), "rclone:dav:b"};
  // Debian's rclone serves no S3
  const char* const tools = std::getenv("RAIBID_TOOLS");
  const fs::path newer = fs::path(tools == nullptr ? "/var/tmp/raibid-tools" : tools) / "rclone/rclone";
  std::unique_ptr<Process> s3;
  if (fs::exists(newer)) {
    const int s3_port = free_port();
    fs::create_directories(store / "s3/bucket");
    s3 = real_runner().start({{newer.string(), "serve", "s3", (store / "s3").string(), "--addr",
                               fmt::format("127.0.0.1:{}", s3_port), "--config", "/dev/null"},
                              "",
                              {}});
    answers(s3_port);
    cli.set("AWS_CA_BUNDLE", "");
    cli.set("RCLONE_CONFIG_S3_TYPE", "s3");
    cli.set("RCLONE_CONFIG_S3_PROVIDER", "Other");
    cli.set("RCLONE_CONFIG_S3_ENDPOINT", fmt::format("http://127.0.0.1:{}", s3_port));
    cli.set("RCLONE_CONFIG_S3_ACCESS_KEY_ID", "id");
    cli.set("RCLONE_CONFIG_S3_SECRET_ACCESS_KEY", "secret");
    stores.emplace_back("rclone:s3:bucket/a");
  } else {
    MESSAGE("no rclone that serves S3 here (tests/stores/rclone)");
  }
  for (const std::string& to : stores) {
    CAPTURE(to);
    Words words = cli.backup(source);
    words[2] = to;
    cli.must_end(0, words);
    const json list = json::parse(cli.must_end(0, {"backup", "ls", to, "-o", "json"}).out);
    REQUIRE(list.size() == 1);
    CHECK(list[0].at("verified") == true);
    CHECK(list[0].at("whole") == true);
    cli.must_end(0, {"backup", "verify", to + "/" + list[0].at("file").get<std::string>()});
    for (const auto& entry : fs::recursive_directory_iterator(store)) CHECK(entry.path().extension() != ".part");
    real_runner().wait({}, real_runner().now() + std::chrono::milliseconds(1100));
    words.insert(words.end(), {"--keep", "1"});
    cli.must_end(0, words);
    CHECK(json::parse(cli.must_end(0, {"backup", "ls", to, "-o", "json"}).out).size() == 1);
  }
  // the manifest does not arrive: nothing of it stays. What a killed run left two days ago goes
  const fs::path left = store / "a" / "raibid-redis-20260101T000000Z.json";
  write_atomic(left, "{}");
  fs::last_write_time(left, fs::file_time_type::clock::now() - std::chrono::hours(48));
  const auto before = tree(store / "a").size();
  const std::string rclone = program("rclone");
  fs::create_directories(cli.folder() / "bin");
  write_atomic(cli.folder() / "bin/rclone",
               "#!/bin/sh\ncase \"$*\" in rcat*.json) echo no room >&2; exit 1 ;; esac\nexec " + rclone + " \"$@\"\n");
  fs::permissions(cli.folder() / "bin/rclone", fs::perms::owner_all);
  Words to_disk = cli.backup(source);
  to_disk[2] = "rclone:disk:" + (store / "a").string();
  const std::string path = std::getenv("PATH");
  cli.set("PATH", (cli.folder() / "bin").string() + ":" + path);
  CHECK(cli.must_end(1, to_disk).err.find("no room") != std::string::npos);
  cli.set("PATH", path);
  CHECK(tree(store / "a").size() == before - 1);
  CHECK_FALSE(fs::exists(left));
  // the store goes away
  serve->end();
  Words words = cli.backup(source);
  words[2] = "rclone:dav:b";
  CHECK(cli(words).status == 1);
}

}  // namespace raibid::backup_integration_test
