// The application's own user on a real redis-server: what it may, and that nothing of it is too much.
#include "components/redis/run/users.hpp"

#include <doctest/doctest.h>

#include <stdlib.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <signal.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "base/strings.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/server/running_acl.hpp"
#include "support/cli.hpp"
#include "support/redis_server.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"

namespace raibid::application_user_test {

using namespace raibid::test;
using Words = std::vector<std::string>;
using nlohmann::json;

/// A Redis of this machine, set up with a preset and its user; it ends with the object.
class UserCli : public Cli {
 public:
  explicit UserCli(std::string preset, Words more = {}) : m_preset(std::move(preset)) {
    more.insert(more.begin(), "redis");
    const Output made = local("setup", more);
    INFO(said(made));
    REQUIRE(made.status == 0);
  }
  ~UserCli() { local("teardown", {"redis", "--yes", "--delete-data"}); }

  Output local(const std::string& verb, Words more = {}) {
    more.insert(more.begin(), verb);
    const auto end = std::find(more.begin(), more.end(), "--");
    more.insert(end, {"--target", "local", "--preset", m_preset});
    return (*this)(more);
  }
  fs::path instance() const { return fs::directory_iterator(home() / "local")->path(); }
  std::string file(const std::string& name) const {
    return std::string(trim(read_file(instance() / name).value_or("")));
  }
  int port() const { return json::parse(file("state.json")).at("port"); }
  std::string user() const { return file("redis-username"); }

  std::unique_ptr<RedisConnection> log_in(const std::string& name, const std::string& password) const {
    HiredisConnector connector(test::real_runner());
    return connect_redis(connector, {"127.0.0.1", port(), name, Secret(password)}, std::chrono::seconds(10));
  }
  std::unique_ptr<RedisConnection> application() const { return log_in(user(), file("password")); }
  std::unique_ptr<RedisConnection> admin() const { return log_in("admin", file("admin-password")); }

 private:
  std::string m_preset;
};

namespace {

/// Runs what the application and raibid-cli do as this user, and says what failed first; "" when all passed.
using Work = std::function<std::string(UserCli&)>;

std::string why(const Output& output) { return std::string(trim(output.out + output.err)).substr(0, 400); }

std::string smoke(UserCli& cli) {
  const Output output = cli.local("smoke", {"redis"});
  // "–": an operation that could not be tried, for want of a right
  return output.status == 0 && !has(output.out, "  – ") ? "" : why(output);
}

/// Commands that a client of the application sends beside those of `smoke`, each of which must be let through.
std::string commands(UserCli& cli, const std::vector<Words>& all) {
  const auto redis = cli.application();
  for (const Words& one : all) {
    const RedisReply reply = redis->command(one);
    if (reply.is_error()) return join(one, " ") + ": " + reply.text;
    for (const RedisReply& item : reply.items) {
      if (item.is_error()) return join(one, " ") + ": " + item.text;
    }
  }
  return "";
}

struct QueueStep {
  Words words;
  int other_status = 0;  ///< that is fine as well
};

std::string queue(UserCli& cli, const std::vector<QueueStep>& steps) {
  for (const QueueStep& step : steps) {
    Words words = step.words;
    const Output output = cli.local("queue", words);
    const bool fine = output.status == 0 || output.status == step.other_status;
    if (!fine || has(output.err, "NOPERM") || has(output.err, "can't run this command"))
      return join(words, " ") + ": " + why(output);
  }
  return "";
}

std::string first_id(RedisConnection& redis, const std::string& stream) {
  const RedisReply entries = redis.command({"XRANGE", stream, "-", "+", "COUNT", "1"});
  return entries.items.empty() ? "" : entries.items[0].items[0].text;
}

std::string job(int number) { return fmt::format(R"({{"job_id":"{}","job_type":"build","payload":"x"}})", number); }

/// Every queue command on the stream of preset raibid.
std::string stream_queue(UserCli& cli) {
  const auto admin = cli.admin();
  admin->command({"FLUSHALL"});
  admin->command({"SCRIPT", "FLUSH"});
  admin->command({"XGROUP", "CREATE", "raibid:jobs", "raibid-workers", "0", "MKSTREAM"});
  std::string lines;
  for (int i = 2; i < 10; ++i) lines += job(i) + "\n";
  const std::string file = (cli.folder() / "jobs.jsonl").string();
  write_atomic(file, lines);
  std::string wrong = queue(cli, {{{"add", job(1)}},
                                  {{"add", file}},
                                  {{"ls"}},
                                  {{"grep", "build"}},
                                  {{"tail"}},
                                  {{"stats"}},
                                  {{"pause", "lunch"}},
                                  {{"resume"}}});
  if (!wrong.empty()) return wrong;
  const std::string id = first_id(*admin, "raibid:jobs");
  wrong = queue(cli, {{{"show", id}}});
  if (!wrong.empty()) return wrong;
  const Output exported = cli.local("queue", {"export"});
  const std::string all = (cli.folder() / "all.jsonl").string();
  write_atomic(all, exported.out);
  wrong = commands(cli, {{"XREADGROUP", "GROUP", "raibid-workers", "gone", "COUNT", "3", "STREAMS", "raibid:jobs", ">"},
                         {"XREAD", "COUNT", "1", "STREAMS", "raibid:jobs", "0"}});  // queue tail -f
  if (!wrong.empty()) return wrong;
  wrong = queue(cli, {{{"claim", "--yes", "--consumer", "me", id}},
                      {{"retry", "--yes", id}},
                      {{"work", "--until-empty", "--max-deliveries", "1", "--claim-after", "1s", "--", "false"}, 1},
                      {{"dead", "ls"}}});
  if (!wrong.empty()) return wrong;
  const std::string dead = first_id(*admin, "raibid:jobs:dead");
  if (dead.empty()) return "queue work buried no job";
  wrong = queue(cli, {{{"dead", "requeue", "--yes", dead}}});
  if (!wrong.empty()) return wrong;
  wrong = queue(cli, {{{"dead", "drop", "--yes", first_id(*admin, "raibid:jobs:dead")}},
                      {{"work", "--until-empty", "--", "true"}},
                      {{"add", job(1)}}});
  if (!wrong.empty()) return wrong;
  wrong = queue(cli, {{{"rm", "--yes", first_id(*admin, "raibid:jobs")}},
                      {{"add", job(1), job(2)}},
                      {{"trim", "--yes", "--max-length", "1"}, 1}});
  if (!wrong.empty()) return wrong;
  admin->command({"DEL", "raibid:jobs"});
  admin->command({"XGROUP", "CREATE", "raibid:jobs", "raibid-workers", "0", "MKSTREAM"});
  return queue(cli, {{{"import", all}}});
}

/// Each preset's work, in its own keys: `smoke` uses keys of its own.
const std::map<std::string, Work>& works() {
  static const std::map<std::string, Work> all = {
      {"raibid",
       [](UserCli& cli) {
         std::string wrong = commands(cli, {{"PING"}, {"INFO"}});  // a client, and KEDA
         if (wrong.empty()) wrong = stream_queue(cli);
         return wrong.empty() ? smoke(cli) : wrong;
       }},
      {"mxclone",
       [](UserCli& cli) {
         const std::string wrong =
             commands(cli, {{"PING"}, {"SET", "traceroutejob:1", "{}"}, {"GET", "traceroutejob:1"}});
         return wrong.empty() ? smoke(cli) : wrong;
       }},
      {"will-it-compile",
       [](UserCli& cli) {
         const std::string wrong = commands(cli, {{"PING"},
                                                  {"HSET", "job:1", "status", "queued"},
                                                  {"HSET", "result:1", "code", "0"},
                                                  {"SADD", "job:index:status:queued", "1"}});
         return wrong.empty() ? smoke(cli) : wrong;
       }},
      {"sla-management",
       [](UserCli& cli) {
         // what the application's Redis client (ioredis) and its cache send
         const std::string wrong = commands(cli, {{"INFO"},
                                                  {"PING"},
                                                  {"SET", "sla:cache_lock", "pod", "PX", "300000", "NX"},
                                                  {"GET", "sla:lastUpdated"},
                                                  {"EXISTS", "sla:entities"},
                                                  {"MULTI"},
                                                  {"SETEX", "sla:teams", "100", "[]"},
                                                  {"HSET", "sla:entities_hash", "a", "{}"},
                                                  {"EXPIRE", "sla:entities_hash", "100"},
                                                  {"EXEC"},
                                                  {"HGET", "sla:entities_hash", "a"},
                                                  {"HGETALL", "sla:entities_hash"},
                                                  {"HKEYS", "sla:entities_hash"},
                                                  {"HVALS", "sla:entities_hash"},
                                                  {"HDEL", "sla:entities_hash", "a"},
                                                  {"LPUSH", "sla:conflicts", "{}"},
                                                  {"LRANGE", "sla:conflicts", "0", "-1"},
                                                  {"LSET", "sla:conflicts", "0", "[]"},
                                                  {"LTRIM", "sla:conflicts", "0", "999"},
                                                  {"EVAL", "return redis.call('del', KEYS[1])", "1", "sla:cache_lock"},
                                                  {"PUBLISH", "sla:refresh", "{}"}});
         return wrong.empty() ? smoke(cli) : wrong;
       }},
      {"mirai", [](UserCli& cli) {
         const std::string queued = "asynq:{critical}:";
         std::string wrong =
             commands(cli, {{"PING"},
                            {"SET", "library:index", "[]"},
                            {"SET", "course:123", "{}"},
                            {"SET", "courses:all", "[]"},
                            {"SET", "folders:hierarchy", "{}"},
                            {"SET", "lock:library:index", "me", "PX", "10000"},
                            {"SADD", "asynq:queues", "critical"},
                            {"HSET", queued + "t:1", "msg", "", "state", "pending"},
                            {"LPUSH", queued + "pending", "1"},
                            {"HSET", queued + "t:2", "msg", "", "state", "archived"},
                            {"ZADD", queued + "archived", "1", "2"},
                            {"HSET", queued + "t:3", "msg", "", "state", "scheduled"},
                            {"ZADD", queued + "scheduled", "99999999999", "3"},
                            {"EVAL", "return redis.call('type', KEYS[1])", "1", queued + "pending"},  // KEDA
                            {"SUBSCRIBE", "asynq:cancel"}});
         if (!wrong.empty()) return wrong;
         const auto admin = cli.admin();
         admin->command({"SCRIPT", "FLUSH"});
         const std::string many =  // more than `queue` reads at once
             "for i = 1000, 2500 do redis.call('HSET', KEYS[1] .. 't:' .. i, 'msg', '', 'state', 'pending') "
             "redis.call('LPUSH', KEYS[1] .. 'pending', i) end";
         admin->command({"DEL", queued + "pending"});
         admin->command({"LPUSH", queued + "pending", "1"});
         admin->command({"EVAL", many, "1", queued});
         wrong = queue(cli, {{{"stats"}, 1},
                             {{"ls", "--queue", "critical", "--limit", "0"}},
                             {{"show", "--queue", "critical", "1"}},
                             {{"show", "--queue", "critical", "2"}},
                             {{"retry", "--queue", "critical", "--yes", "3"}},
                             {{"dead", "ls", "--queue", "critical"}},
                             {{"rm", "--queue", "critical", "--yes", "1"}},
                             {{"pause", "--queue", "critical"}},
                             {{"resume", "--queue", "critical"}},
                             {{"dead", "drop", "--queue", "critical", "--yes", "2"}}});
         return wrong.empty() ? smoke(cli) : wrong;
       }}};
  return all;
}

/// The words of the user's line that give a right, and for each the word that takes it away.
std::vector<std::string> rights_of(const UserCli& cli) {
  std::vector<std::string> rights;
  for (const std::string& line : split(cli.file("users.acl"), '\n')) {
    if (!line.starts_with("user " + cli.user() + " ")) continue;
    for (const std::string& word : split(line, ' ')) {
      if (word.starts_with('+') || word.starts_with('~') || word.starts_with('&')) rights.push_back(word);
    }
  }
  return rights;
}

/// All rights but one, as the server is told them.
Words without(const UserCli& cli, const std::string& right) {
  Words order = {"ACL", "SETUSER", cli.user(), "resetkeys", "resetchannels", "-@all"};
  for (const std::string& one : rights_of(cli)) {
    if (one != right) order.push_back(one);
  }
  return order;
}

}  // namespace

TEST_CASE("application's user: does all that its preset needs, and every right of it is needed") {
  for (const auto& [preset, work] : works()) {
    CAPTURE(preset);
    UserCli cli(preset, {"--user", preset == "sla-management" ? "sla" : preset, "--no-auth=false"});
    const std::string wrong = work(cli);
    CHECK(wrong == "");
    const std::vector<std::string> rights = rights_of(cli);
    CHECK(rights.size() > 5);
    // all five take minutes: tests/reliability/rights
    if (preset != "sla-management" && ::getenv("RAIBID_TEST_EVERY_RIGHT") == nullptr) continue;
    const auto admin = cli.admin();
    std::vector<std::string> too_much;
    for (const std::string& right : rights) {
      REQUIRE_FALSE(admin->command(without(cli, right)).is_error());
      if (work(cli).empty()) too_much.push_back(right);
    }
    CHECK(join(too_much, " ") == "");
    REQUIRE_FALSE(admin->command(without(cli, "")).is_error());
    CHECK(cli.local("status").status == 0);
  }
}

TEST_CASE("application's user: default is off, and what is not the application's is closed to it") {
  UserCli cli("sla-management");  // on for new installs
  CHECK(cli.user() == "sla");
  const auto refused = error_of([&] { cli.log_in("", cli.file("password")); });
  CHECK(has(refused.message(), "refuses the password"));
  const auto redis = cli.application();
  CHECK_FALSE(redis->command({"SET", "sla:a", "1"}).is_error());
  for (const Words& command : std::vector<Words>{{"GET", "other"},
                                                 {"CONFIG", "GET", "*"},
                                                 {"ACL", "LIST"},
                                                 {"FLUSHALL"},
                                                 {"KEYS", "*"},
                                                 {"CLIENT", "KILL", "ID", "1"},
                                                 {"MONITOR"},
                                                 {"SHUTDOWN"},
                                                 {"PUBLISH", "other", "x"},
                                                 {"EVAL", "return redis.call('get', 'other')", "0"}}) {
    CAPTURE(command.front());
    CHECK(redis->command(command).is_error());
  }
  const json credentials = json::parse(read_file(cli.home() / "redis-credentials.redis-cache@local.json").value());
  CHECK(credentials.at("username") == "sla");
  CHECK(has(cli.local("url", {"redis", "--with-password"}).out, "redis://sla:" + cli.file("password") + "@"));
  CHECK(has(cli.local("export", {"env", "--with-password"}).out, "redis://sla:" + cli.file("password") + "@"));
  const Output own = cli.local("connect", {"redis", "--", "redis-cli", "SET", "sla:b", "1"});
  CHECK(std::string(trim(own.out)) == "OK");
  const Output other = cli.local("connect", {"redis", "--", "redis-cli", "SET", "b", "1"});
  CHECK(has(other.out, "NOPERM"));
  const Output admin = cli.local("connect", {"redis", "--admin", "--", "redis-cli", "ACL", "WHOAMI"});
  CHECK(std::string(trim(admin.out)) == "admin");
  const Output variables = cli.local("connect", {"redis", "--", "sh", "-c", "echo $REDIS_USERNAME"});
  CHECK(std::string(trim(variables.out)) == "sla");
  const Output again = cli.local("setup", {"redis"});
  CHECK(again.status == 0);
  CHECK(has(again.out, "Nothing changed"));
}

TEST_CASE("application's user: a queue that is not the preset's is raibid-cli's own work, done as admin") {
  UserCli cli("raibid", {"--user", "raibid"});
  const Output all = cli.local("queue", {"stats", "--all"});
  INFO(said(all));
  CHECK(all.status == 0);
  CHECK(has(all.out, "raibid:jobs"));
  const std::string file = (cli.folder() / "jobs.jsonl").string();
  write_atomic(file, "{\"a\":\"b\"}\n");
  for (const Words& words : std::vector<Words>{{"add", file, "--stream", "other"}, {"export", "--stream", "other"}}) {
    const Output output = cli.local("queue", words);
    CAPTURE(said(output));
    CHECK(output.status == 0);
    CHECK_FALSE(has(output.err, "NOPERM"));
    if (words.front() == "export") write_atomic(file, output.out);
  }
  const Output imported = cli.local("queue", {"import", file, "--stream", "third"});
  INFO(said(imported));
  CHECK(imported.status == 0);
}

TEST_CASE("application's user: the seed's form without a name stays for who has it, and for an install that is there") {
  UserCli cli("raibid");
  CHECK(cli.user() == "");
  CHECK_FALSE(cli.log_in("", cli.file("password"))->command({"PING"}).is_error());
  CHECK(has(cli.local("export", {"env", "--with-password"}).out, "redis://:" + cli.file("password") + "@"));
  UserCli old("sla-management", {"--user", "default"});
  const Output kept = old.local("setup", {"redis"});
  CHECK(kept.status == 0);
  CHECK(old.user() == "");
  CHECK_FALSE(fs::exists(old.instance() / "admin-password"));
}

TEST_CASE("application's user: changed while Redis runs, asked for first, and back again") {
  UserCli cli("raibid");
  const std::string password = cli.file("password");
  const auto from_before = cli.log_in("", password);
  const Output asks = cli.local("setup", {"redis", "--user", "worker"});
  CHECK(asks.status == 2);
  CHECK(has(asks.err, "clients that log in as default will be refused"));
  CHECK(cli.user() == "");
  const Output changed = cli.local("setup", {"redis", "--user", "worker", "--yes"});
  INFO(said(changed));
  REQUIRE(changed.status == 0);
  CHECK(cli.user() == "worker");
  CHECK(cli.file("password") == password);
  CHECK_FALSE(fs::exists(cli.instance() / "previous-users"));
  CHECK_FALSE(from_before->command({"SET", "x", "1"}).is_error());  // who was in goes on
  error_of([&] { cli.log_in("", password); });
  CHECK(cli.local("status").status == 0);
  CHECK(cli.local("smoke", {"redis"}).status == 0);
  CHECK(has(cli.local("setup", {"redis"}).out, "Nothing changed"));
  // another stream: other keys
  REQUIRE(cli.local("setup", {"redis", "--stream", "other:jobs"}).status == 0);
  CHECK(has(cli.file("users.acl"), "~other:jobs "));
  CHECK(cli.local("status").status == 0);
  REQUIRE(cli.local("setup", {"redis", "--stream", "raibid:jobs", "--user", "default", "--yes"}).status == 0);
  CHECK(cli.user() == "");
  CHECK_FALSE(fs::exists(cli.instance() / "admin-password"));
  CHECK_FALSE(cli.log_in("", password)->command({"PING"}).is_error());
  error_of([&] { cli.log_in("worker", password); });
  CHECK(cli.local("status").status == 0);
}

TEST_CASE("application's user: changed while the server is stopped") {
  UserCli cli("raibid");
  const std::string password = cli.file("password");
  const json status = json::parse(cli.local("status", {"-o", "json"}).out);
  must({"kill", std::to_string(status.at("pid").get<int>())});
  const TimePoint until = real_runner().now() + std::chrono::seconds(20);
  while (fs::exists(fmt::format("/proc/{}/fd", status.at("pid").get<int>())) && real_runner().now() < until)
    real_runner().wait({}, real_runner().now() + std::chrono::milliseconds(20));
  const Output changed = cli.local("setup", {"redis", "--user", "worker", "--yes"});
  INFO(said(changed));
  REQUIRE(changed.status == 0);
  CHECK(cli.user() == "worker");
  CHECK_FALSE(cli.application()->command({"PING"}).is_error());
  CHECK(cli.local("status").status == 0);
}

namespace {

/// A store in memory, and a way in, both of which count what they do and can stop at any of it.
struct Stage {
  RedisServer server;
  SecretContent content;
  int left = -1;  ///< so many acts may still happen; -1 for all

  explicit Stage(const SecretContent& first) : content(first) {
    const auto redis = server.connect();
    for (const std::string& line : split(value_of(content, acl_key).reveal(), '\n')) {
      Words order = split(line, ' ');
      if (order.size() < 2) continue;
      order.erase(order.begin());
      order.insert(order.begin(), {"ACL", "SETUSER"});
      order.insert(order.begin() + 3, "reset");
      REQUIRE_FALSE(redis->command(order).is_error());
    }
  }
  void act() {
    if (left == 0) throw Error(ExitCode::failure, "killed here");
    if (left > 0) --left;
  }

  struct Store final : UserStore {
    explicit Store(Stage& of) : stage(of) {}
    SecretContent read() override { return stage.content; }
    void write(const SecretContent& changes) override {
      stage.act();
      for (const auto& [key, value] : changes) {
        if (value.empty()) {
          stage.content.erase(key);
        } else {
          stage.content[key] = value;
        }
      }
    }
    Stage& stage;
  };

  class Connection final : public RedisConnection {
   public:
    Connection(std::unique_ptr<RedisConnection> redis, Stage& stage) : m_redis(std::move(redis)), m_stage(stage) {}
    RedisReply command(const Words& arguments) override {
      if (arguments.at(1) == "SETUSER" || arguments.at(1) == "DELUSER") m_stage.act();
      return m_redis->command(arguments);
    }
    std::vector<RedisReply> pipeline(const std::vector<Words>& commands) override {
      return m_redis->pipeline(commands);
    }
    void send(const Words& arguments) override { m_redis->send(arguments); }
    RedisReply receive() override { return m_redis->receive(); }

   private:
    std::unique_ptr<RedisConnection> m_redis;
    Stage& m_stage;
  };

  LogIn log_in() {
    return [this](const Login& login) {
      return std::make_unique<Connection>(server.connect(login.password.reveal(), login.username), *this);
    };
  }
  /// Who is there, by the server's own account; without the exporter's password.
  std::string users(const Login& admin) {
    std::string all;
    for (const RedisReply& line :
         server.connect(admin.password.reveal(), admin.username)->command({"ACL", "LIST"}).items)
      all += line.text + "\n";
    return all;
  }
};

const UserSpec application{"worker", {"job:*"}, {}, {"get", "set", "ping"}};

}  // namespace

TEST_CASE("application's user: a change that is killed anywhere is taken back, and one that ends well is whole") {
  const SecretContent plain = secret_content(Secret("a-password"), Secret("of-the-exporter"));
  const SecretContent own =
      secret_content(Secret("a-password"), Secret("of-the-exporter"), {}, {application, Secret("of-the-admin")});
  for (const bool back : {false, true}) {
    CAPTURE(back);
    const SecretContent& before = back ? own : plain;
    const SecretContent& wanted = back ? plain : own;
    int stops = 0;
    for (bool ended = false; !ended; ++stops) {
      CAPTURE(stops);
      Stage stage(before);
      Stage::Store store(stage);
      const std::string users = stage.users(admin_login(before));
      stage.left = stops;
      try {
        change_users(
            store, stage.log_in(), [&](const SecretContent&) { return wanted; }, "run-1");
        ended = true;
      } catch (const Error& error) {
        REQUIRE(error.message() == "killed here");
      }
      stage.left = -1;
      // whatever happened: who had got in before gets in, unless all is done
      if (!ended) {
        const Login login = application_login(before);
        if (!back)
          CHECK_FALSE(stage.server.connect(login.password.reveal(), login.username)->command({"PING"}).is_error());
        std::string kept;
        if (stage.content.contains(previous_users_key)) {
          try {
            restore_users(store, stage.log_in(), "run-2");
          } catch (const Kept& reason) {
            kept = reason.what();
          }
          CHECK(has(kept, "another run has changed them"));
        }
        // the undo is killed as well, and done again
        stage.left = stops % 3;
        try {
          restore_users(store, stage.log_in(), "run-1");
        } catch (const Error& error) {
          CHECK(error.message() == "killed here");
        }
        stage.left = -1;
        restore_users(store, stage.log_in(), "run-1");
        CHECK(stage.content == before);
        CHECK(stage.users(admin_login(before)) == users);
        continue;
      }
      forget_previous_users(store);
      CHECK(stage.content == wanted);
      const auto redis = stage.server.connect(admin_login(wanted).password.reveal(), admin_login(wanted).username);
      CHECK(acl_differences(*redis, value_of(wanted, acl_key)).empty());
    }
    CHECK(stops > 4);
  }
}

}  // namespace raibid::application_user_test

namespace raibid::rotation_under_load_test {

using namespace raibid::test;
using application_user_test::UserCli;
using Words = std::vector<std::string>;
using nlohmann::json;

namespace {

/// Two clients at work: one connects again for each command with the password that it was handed, one never reconnects.
class Load {
 public:
  Load(int port, std::string user, std::string password)
      : m_port(port), m_user(std::move(user)), m_password(std::move(password)) {
    m_threads.emplace_back([this] { come_and_go(); });
    m_threads.emplace_back([this] { stay(); });
    wait_for_more();
  }
  ~Load() {
    m_ends = true;
    for (std::thread& thread : m_threads) thread.join();
  }

  void hand_out(const std::string& password) {
    const std::lock_guard<std::mutex> held(m_lock);
    m_password = password;
  }
  /// Until both have begun and ended a command that nobody had begun before.
  void wait_for_more() {
    const int come = m_come;
    const int stay = m_stay;
    const TimePoint until = real_runner().now() + std::chrono::seconds(30);
    while ((m_come < come + 2 || m_stay < stay + 2) && real_runner().now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(m_come >= come + 2);
  }
  std::string failed() {
    const std::lock_guard<std::mutex> held(m_lock);
    return m_failed;
  }

 private:
  void fail(const std::string& why) {
    const std::lock_guard<std::mutex> held(m_lock);
    m_failed += why + "\n";
  }
  std::unique_ptr<RedisConnection> connect() {
    std::string password;
    {
      const std::lock_guard<std::mutex> held(m_lock);
      password = m_password;
    }
    HiredisConnector connector(test::real_runner());
    return connect_redis(connector, {"127.0.0.1", m_port, m_user, Secret(password)}, std::chrono::seconds(10));
  }
  void come_and_go() {
    while (!m_ends) {
      try {
        const RedisReply reply = connect()->command({"INCR", "come"});
        if (reply.is_error()) fail("come: " + reply.text);
      } catch (const Error& error) {
        fail("come: " + error.message());
      }
      ++m_come;
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
  }
  void stay() {
    try {
      const auto redis = connect();
      while (!m_ends) {
        const RedisReply reply = redis->command({"INCR", "stay"});
        if (reply.is_error()) fail("stay: " + reply.text);
        ++m_stay;
        std::this_thread::sleep_for(std::chrono::milliseconds(3));
      }
    } catch (const Error& error) {
      fail("stay: " + error.message());
    }
  }

  int m_port;
  std::string m_user;
  std::string m_password;
  std::mutex m_lock;
  std::string m_failed;
  std::atomic<bool> m_ends{false};
  std::atomic<int> m_come{0}, m_stay{0};
  std::vector<std::thread> m_threads;
};

Output rotate(UserCli& cli, Words more = {}) {
  more.insert(more.begin(), {"rotate", "redis"});
  return cli.local("credentials", more);
}

}  // namespace

TEST_CASE("rotation: no command fails while both passwords hold, nor when the old one ends") {
  UserCli cli("raibid");
  Load load(cli.port(), "", cli.file("password"));
  for (int round = 0; round < 3; ++round) {
    const std::string old = cli.file("password");
    const Output rotated = rotate(cli);
    INFO(said(rotated));
    REQUIRE(rotated.status == 0);
    CHECK(has(rotated.out, "--finish"));
    CHECK_FALSE(has(rotated.out + rotated.err, old));
    CHECK(cli.file("password") != old);
    CHECK_FALSE(cli.log_in("", old)->command({"PING"}).is_error());
    CHECK(rotate(cli).status == 1);  // one at a time
    CHECK(cli.local("status").status == 0);
    load.wait_for_more();
    load.hand_out(cli.file("password"));
    load.wait_for_more();
    const Output asks = rotate(cli, {"--finish"});
    CHECK(asks.status == 2);
    CHECK(has(asks.err, "of 127.0.0.1 from before the rotation"));
    CHECK_FALSE(cli.log_in("", old)->command({"PING"}).is_error());
    const Output finished = rotate(cli, {"--finish", "--yes"});
    INFO(said(finished));
    REQUIRE(finished.status == 0);
    error_of([&] { cli.log_in("", old); });
    load.wait_for_more();
    CHECK(rotate(cli, {"--finish"}).status == 0);  // nothing to do
    CHECK(cli.local("status").status == 0);
  }
  CHECK(load.failed() == "");
  const json credentials = json::parse(read_file(cli.home() / "redis-credentials.json").value());
  CHECK(credentials.at("password") == cli.file("password"));
}

TEST_CASE("rotation: --kick closes the connections from before, --now asks and replaces at once") {
  UserCli cli("sla-management");
  const auto from_before = cli.application();
  const std::string old = cli.file("password");
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));  // CLIENT LIST knows whole seconds
  REQUIRE(rotate(cli).status == 0);
  const Output finished = rotate(cli, {"--finish", "--kick"});
  INFO(said(finished));
  CHECK(finished.status == 0);
  CHECK(has(finished.out, "Closed 1 connection"));
  bool cut = false;
  try {
    from_before->command({"PING"});
  } catch (const Error&) {
    cut = true;
  }
  CHECK(cut);
  const std::string second = cli.file("password");
  const Output asks = rotate(cli, {"--now"});
  CHECK(asks.status == 2);
  CHECK(has(asks.err, "the current password ends at once"));
  CHECK(cli.file("password") == second);
  REQUIRE(rotate(cli, {"--now", "--yes"}).status == 0);
  CHECK(cli.file("password") != second);
  error_of([&] { cli.log_in("sla", second); });
  CHECK_FALSE(cli.application()->command({"PING"}).is_error());
  const std::string admin = cli.file("admin-password");
  REQUIRE(rotate(cli, {"--internal"}).status == 0);
  CHECK(cli.file("admin-password") != admin);
  CHECK_FALSE(cli.log_in("admin", admin)->command({"PING"}).is_error());
  REQUIRE(rotate(cli, {"--internal", "--finish"}).status == 0);
  error_of([&] { cli.log_in("admin", admin); });
  CHECK(cli.local("status").status == 0);
  CHECK(cli.local("smoke", {"redis"}).status == 0);
}

TEST_CASE("rotation: setup --password-file with another password is one, and a third password has to wait") {
  UserCli cli("raibid");
  const std::string old = cli.file("password");
  const std::string file = (cli.folder() / "mine").string();
  write_atomic(file, "my-own-password\n");
  const Output changed = cli.local("setup", {"redis", "--password-file", file});
  INFO(said(changed));
  REQUIRE(changed.status == 0);
  CHECK(cli.file("password") == "my-own-password");
  CHECK_FALSE(cli.log_in("", old)->command({"PING"}).is_error());
  CHECK_FALSE(cli.log_in("", "my-own-password")->command({"PING"}).is_error());
  CHECK(cli.local("setup", {"redis", "--password-file", file}).status == 0);
  write_atomic(file, "a-third-password\n");
  CHECK(cli.local("setup", {"redis", "--password-file", file}).status == 3);
  REQUIRE(rotate(cli, {"--finish", "--yes"}).status == 0);
  error_of([&] { cli.log_in("", old); });
  CHECK(cli.local("status").status == 0);
}

TEST_CASE("rotation: a run that is killed anywhere is finished or taken back by the next") {
  UserCli cli("raibid");
  int killed = 0;
  for (int milliseconds = 1; milliseconds < 400; milliseconds = milliseconds * 3 / 2 + 1) {
    CAPTURE(milliseconds);
    const std::string before = cli.file("password");
    int pid = 0;
    cli.runner().observe([&](int started, const Command&) { pid = started; });
    const auto process = cli.start({"credentials", "rotate", "redis", "--target", "local"});
    cli.runner().observe({});
    real_runner().wait({}, real_runner().now() + std::chrono::milliseconds(milliseconds));
    ::kill(pid, SIGKILL);
    Process* const waited = process.get();
    while (!process->finished()) cli.runner().wait({&waited, 1}, cli.runner().now() + std::chrono::seconds(10));
    if (process->status() != 0) ++killed;
    // whatever it came to: the password of before holds, and so does the one that is handed out
    CHECK_FALSE(cli.log_in("", before)->command({"PING"}).is_error());
    CHECK_FALSE(cli.log_in("", cli.file("password"))->command({"PING"}).is_error());
    const Output next = cli.local("setup", {"redis"});
    INFO(said(next));
    REQUIRE(next.status == 0);
    CHECK_FALSE(fs::exists(cli.instance() / "previous-users"));
    CHECK(cli.local("status").status == 0);
    REQUIRE(rotate(cli, {"--finish", "--yes"}).status == 0);
    CHECK_FALSE(cli.log_in("", cli.file("password"))->command({"PING"}).is_error());
    const json credentials = json::parse(read_file(cli.home() / "redis-credentials.json").value());
    CHECK(credentials.at("password") == cli.file("password"));
  }
  CHECK(killed > 0);
}

TEST_CASE("rotation: a --finish that is killed anywhere ends the old password when it is run again, for good") {
  UserCli cli("raibid");
  int killed = 0;
  for (int later = 0; later < 30; ++later) {
    CAPTURE(later);
    const std::string old = cli.file("password");
    REQUIRE(rotate(cli, {}).status == 0);
    int pid = 0;
    cli.runner().observe([&](int started, const Command&) { pid = started; });
    const auto process = cli.start({"credentials", "rotate", "redis", "--finish", "--yes", "--target", "local"});
    cli.runner().observe({});
    // its first act; what it changes comes within the next milliseconds
    const TimePoint until = real_runner().now() + std::chrono::seconds(1);  // it may end before it was seen
    while (!fs::exists(cli.instance() / "previous-users") && real_runner().now() < until) continue;
    const auto kill_at = std::chrono::steady_clock::now() + later * std::chrono::microseconds(300);
    while (std::chrono::steady_clock::now() < kill_at) continue;
    ::kill(pid, SIGKILL);
    Process* const waited = process.get();
    while (!process->finished()) cli.runner().wait({&waited, 1}, cli.runner().now() + std::chrono::seconds(10));
    if (process->status() != 0) ++killed;
    const Output again = rotate(cli, {"--finish", "--yes"});
    INFO(said(again));
    REQUIRE(again.status == 0);
    for (const char* when : {"after --finish", "after the next setup"}) {
      CAPTURE(when);
      CHECK(has(error_of([&] { cli.log_in("", old); }).message(), "refuses the password"));
      CHECK_FALSE(cli.log_in("", cli.file("password"))->command({"PING"}).is_error());
      REQUIRE(cli.local("setup", {"redis"}).status == 0);
    }
    for (const auto& entry : fs::directory_iterator(cli.instance()))
      CHECK_FALSE(entry.path().filename().string().starts_with(".raibid-"));
  }
  CHECK(killed > 0);
}

TEST_CASE("application's user: password files that are lost are those of the credentials file") {
  UserCli cli("raibid", {"--user", "raibid"});
  for (const char* file : {"admin-password", "password"}) {
    CAPTURE(file);
    fs::remove(cli.instance() / file);
    CHECK(cli.local("status").status == 0);
    const Output again = cli.local("setup", {"redis"});
    INFO(said(again));
    CHECK(again.status == 0);
  }
  CHECK(rotate(cli, {"--internal"}).status == 0);
  CHECK(rotate(cli, {"--internal", "--finish"}).status == 0);
  CHECK(cli.local("status").status == 0);
  CHECK(cli.local("teardown", {"redis", "--yes"}).status == 0);
}

TEST_CASE("credentials ls and show: without the password until it is asked for") {
  UserCli cli("raibid");
  const std::string password = cli.file("password");
  const Output list = cli({"credentials", "ls"});
  CHECK(list.status == 0);
  CHECK(has(list.out, "raibid-redis"));
  CHECK_FALSE(has(list.out, password));
  const Output shown = cli.local("credentials", {"show"});
  INFO(said(shown));
  CHECK(shown.status == 0);
  CHECK(has(shown.out, "***"));
  CHECK_FALSE(has(shown.out, password));
  CHECK(json::parse(cli.local("credentials", {"show", "--with-password", "-o", "json"}).out).at("password") ==
        password);
  CHECK(cli({"credentials", "show", "--target", "local", "--release", "other"}).status == 6);
}

}  // namespace raibid::rotation_under_load_test
