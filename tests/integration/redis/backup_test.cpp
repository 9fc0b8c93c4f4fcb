// Backups of real servers: every kind of data comes back, and what is cut, full or killed leaves nothing half.
#include <doctest/doctest.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <random>
#include <set>

#include "base/strings.hpp"
#include "support/cli.hpp"
#include "support/machine.hpp"
#include "support/redis_server.hpp"
#include "support/tcp_server.hpp"
#include "sys/clock.hpp"

namespace raibid::backup_integration_test {

using namespace raibid::test;
using nlohmann::json;
using Words = std::vector<std::string>;

namespace {

constexpr const char* quick = "repl-diskless-sync-delay 0\nenable-debug-command yes\n";
const std::vector<int> databases = {0, 3, 9};

void flatten(const RedisReply& reply, std::string& text) {
  text += reply.type == RedisReply::Type::integer ? std::to_string(reply.integer) : reply.text;
  for (const RedisReply& item : reply.items) flatten(item, text += "|");
}

/// What a stream has beside its entries: groups, consumers, what is pending. Not how the server keeps it in memory.
std::string stream_facts(RedisConnection& redis, const std::string& key) {
  const RedisReply facts = checked(redis, {"XINFO", "STREAM", key, "FULL", "COUNT", "0"});
  std::string text;
  for (const char* const field : {"length", "last-generated-id", "max-deleted-entry-id", "entries-added",
                                  "recorded-first-entry-id", "entries", "groups"})
    if (const RedisReply* const value = facts.field(field)) flatten(*value, text += "/");
  return text;
}

/// Everything of a server, key by key.
std::map<std::string, std::string> everything(RedisConnection& redis) {
  std::map<std::string, std::string> all;
  for (const int database : databases) {
    checked(redis, {"SELECT", std::to_string(database)});
    for (const RedisReply& key : checked(redis, {"KEYS", "*"}).items) {
      std::string& value = all[std::to_string(database) + ":" + key.text];
      const std::string type = checked(redis, {"TYPE", key.text}).text;
      value = type + " " + checked(redis, {"DEBUG", "DIGEST-VALUE", key.text}).items.front().text + " " +
              std::to_string(checked(redis, {"PEXPIRETIME", key.text}).integer);
      if (type == "stream") value += stream_facts(redis, key.text);
    }
  }
  flatten(checked(redis, {"FUNCTION", "LIST", "WITHCODE"}), all["functions"]);
  return all;
}

/// The keys whose value is another one, or that only one of the two has.
std::vector<std::string> differences(const std::map<std::string, std::string>& one,
                                     const std::map<std::string, std::string>& other) {
  std::vector<std::string> keys;
  for (const auto* const all : {&one, &other}) {
    for (const auto& [key, value] : *all) {
      const auto a = one.find(key), b = other.find(key);
      if (a != one.end() && b != other.end() && a->second == b->second) continue;
      const std::string text =
          printable(key + ": " + (a == one.end() ? "" : a->second) + " / " + (b == other.end() ? "" : b->second));
      if (std::find(keys.begin(), keys.end(), text) == keys.end()) keys.push_back(text);
    }
  }
  return keys;
}

/// Random data of every type, in several databases.
class Data {
 public:
  explicit Data(unsigned seed) : m_random(seed) {}

  void fill(RedisConnection& redis, int keys) {
    for (const int database : databases) {
      checked(redis, {"SELECT", std::to_string(database)});
      for (int i = 0; i < keys; ++i) add_key(redis, i);
      add_stream(redis, "stream" + bytes(4));
    }
    checked(redis, {"FUNCTION", "LOAD",
                    "#!lua name=ours\nredis.register_function('f', function(keys, args) return args[1] end)"});
  }

 private:
  std::size_t number(std::size_t most) { return std::uniform_int_distribution<std::size_t>(1, most)(m_random); }
  std::string bytes(std::size_t most) {
    std::string text(number(most), 0);
    for (char& c : text) c = static_cast<char>(m_random());
    return text;
  }
  void add_key(RedisConnection& redis, int which) {
    const std::string key = bytes(20);
    const std::size_t size = number(which % 7 == 0 ? 700 : 20);  // the large ones have other encodings
    checked(redis, {"DEL", key});
    switch (which % 5) {
      case 0:
        checked(redis, {"SET", key, which % 2 == 0 ? bytes(3000) : std::to_string(m_random())});
        break;
      case 1:
        for (std::size_t i = 0; i < size; ++i) checked(redis, {"RPUSH", key, bytes(80)});
        break;
      case 2:
        for (std::size_t i = 0; i < size; ++i)
          checked(redis, {"SADD", key, which % 2 == 0 ? std::to_string(m_random() % 1000) : bytes(40)});
        break;
      case 3:
        for (std::size_t i = 0; i < size; ++i)
          checked(redis, {"ZADD", key, std::to_string(static_cast<double>(m_random()) / 7), bytes(40)});
        break;
      default:
        for (std::size_t i = 0; i < size; ++i) checked(redis, {"HSET", key, bytes(40), bytes(80)});
    }
    if (which % 3 == 0) checked(redis, {"PEXPIRE", key, std::to_string(3'600'000 + m_random() % 1'000'000)});
  }
  void add_stream(RedisConnection& redis, const std::string& key) {
    checked(redis, {"XGROUP", "CREATE", key, "first", "0", "MKSTREAM"});
    checked(redis, {"XGROUP", "CREATE", key, bytes(12), "$"});
    std::vector<std::string> ids;
    for (int i = 0; i < 300; ++i)
      ids.push_back(checked(redis, {"XADD", key, "*", "payload", bytes(60), bytes(5), "x"}).text);
    for (const char* const consumer : {"one", "two"})
      checked(redis, {"XREADGROUP", "GROUP", "first", consumer, "COUNT", "50", "STREAMS", key, ">"});
    checked(redis, {"XACK", key, "first", ids[3], ids[60]});
    checked(redis, {"XDEL", key, ids[4], ids[200]});
    checked(redis, {"XTRIM", key, "MAXLEN", "250"});
  }

  std::mt19937 m_random;
};

/// The program with a Redis of this machine that does not outlive its test.
class BackupCli : public Cli {
 public:
  ~BackupCli() { (*this)({"teardown", "redis", "--target", "local", "--yes", "--delete-data"}); }

  Output must_end(int status, const Words& words) {
    Output output = (*this)(words);
    INFO(shell_join(words), "\n", said(output));
    CHECK(output.status == status);
    return output;
  }
  void set_up() {
    REQUIRE(must_end(0, {"setup", "redis", "--target", "local"}).status == 0);
    redis({"CONFIG", "SET", "repl-diskless-sync-delay", "0"});
  }
  std::string redis(Words command) {
    const json credentials = json::parse(tree(home()).at("redis-credentials.json"));
    command.insert(command.begin(),
                   {"redis-cli", "--no-auth-warning", "-p", std::to_string(credentials.at("port").get<int>()), "-a",
                    credentials.at("password")});
    return std::string(trim(must(command)));
  }
  /// Of an external server, in a folder of its own.
  std::string url(const RedisServer& server) const { return fmt::format("redis://127.0.0.1:{}", server.port()); }
  Words backup(const RedisServer& server, Words more = {}) const {
    Words words = {"backup", "redis", to().string(), "--target", "external", "--url", url(server)};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  fs::path to() const { return folder() / "backups"; }
  std::vector<std::string> files(const std::string& ending) const {
    std::vector<std::string> names;
    for (const auto& [name, content] : tree(to())) {
      if (name.ends_with(ending)) names.push_back(name);
    }
    return names;
  }
  fs::path data() const { return home() / "local/raibid-redis/data"; }
};

void copy_into(const fs::path& file, RedisServer& server, const std::string& conf) {
  server.stop();
  fs::copy_file(file, server.folder() / "dump.rdb", fs::copy_options::overwrite_existing);
  server.start(conf);
}

/// Many keys, each of which Redis saves slowly: a copy takes seconds.
void fill_slowly(RedisConnection& redis) {
  for (int i = 0; i < 3000; ++i) checked(redis, {"SET", "key" + std::to_string(i), std::string(2000, 'x')});
  checked(redis, {"CONFIG", "SET", "rdb-key-save-delay", "1000"});
}

/// Waits until the text has been said, or the program has ended.
bool says(Cli& cli, Process& process, const std::string& text) {
  Process* const one = &process;
  const TimePoint until = cli.runner().now() + std::chrono::seconds(60);
  while (process.err().find(text) == std::string::npos) {
    if (process.finished() || cli.runner().now() >= until) return false;
    cli.runner().wait({&one, 1}, until);
  }
  return true;
}

struct Started {
  std::unique_ptr<Process> process;
  pid_t pid = 0;
};
Started start(Cli& cli, const Words& words) {
  Started started;
  cli.runner().observe([&](int pid, const Command&) { started.pid = pid; });
  started.process = cli.start(words);
  cli.runner().observe({});
  return started;
}

Output end_of(Cli& cli, Process& process) {
  return finish(cli.runner(), process, cli.runner().now() + std::chrono::seconds(60));
}

}  // namespace

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
      if (was_killed) CHECK(fresh == (next == "restore"));
      for (const auto& entry : fs::directory_iterator(cli.data())) {
        const std::string name = entry.path().filename();
        CHECK_MESSAGE((name == "appendonlydir" || name == "redis.sock"), name);
      }
    }
  }
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
