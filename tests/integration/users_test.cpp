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
#include "integration/users_cli.hpp"
#include "support/cli.hpp"
#include "support/redis_server.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"

namespace raibid::application_user_test {

using namespace raibid::test;
using Words = std::vector<std::string>;
using nlohmann::json;

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
