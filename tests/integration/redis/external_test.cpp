// A Redis that is already there: real servers that forbid what managed services forbid, and what goes wrong with one.
#include <doctest/doctest.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <signal.h>

#include "base/strings.hpp"
#include "components/redis/server/queue_stats.hpp"
#include "support/cli.hpp"
#include "support/hints.hpp"
#include "support/pty.hpp"
#include "support/queue_cli.hpp"
#include "support/redis_server.hpp"
#include "support/tcp_server.hpp"

namespace raibid::external_integration_test {

using namespace raibid::test;
using Words = std::vector<std::string>;

namespace {

constexpr const char* password = "not-a-secret-of-anybody";

/// The program with a Redis by URL, in a PATH whose kubectl and helm fail the test when they are started.
class ExternalCli : public Cli {
 public:
  ExternalCli() {
    fs::create_directories(folder() / "bin");
    for (const char* name : {"kubectl", "helm"}) {
      write_atomic(folder() / "bin" / name,
                   "#!/bin/sh\necho \"$0 $*\" >>" + (folder() / "called").string() + "\nexit 1\n");
      fs::permissions(folder() / "bin" / name, fs::perms::owner_all);
    }
    set("PATH", (folder() / "bin").string() + ":/usr/bin:/bin");
    write_atomic(folder() / "pw", std::string(password) + "\n");
  }
  ~ExternalCli() { CHECK_FALSE(fs::exists(folder() / "called")); }

  std::string password_file() const { return (folder() / "pw").string(); }

  /// A command of the saved Redis, or of `url`. Its hints can be typed.
  Output ask(Words words, Words more = {}) {
    words.insert(words.end(), {"--target", "external"});
    words.insert(words.end(), more.begin(), more.end());
    const Output output = (*this)(words);
    check_hints(words, output.err);
    check_hints(words, output.out);
    CHECK(output.err.find(password) == std::string::npos);
    CHECK(output.err.find("this is a mistake in raibid-cli") == std::string::npos);
    return output;
  }
  /// The same; it must end with `status`.
  std::string must_end(int status, Words words, Words more = {}) {
    const std::string line = shell_join(words);
    const Output output = ask(std::move(words), std::move(more));
    INFO(line, "\n", said(output));
    CHECK(output.status == status);
    return output.out + output.err;
  }
  nlohmann::json object(Words words, int status = 0) {
    words.insert(words.end(), {"-o", "json"});
    const Output output = ask(words);
    INFO(said(output));
    REQUIRE(output.status == status);
    return nlohmann::json::parse(output.out);
  }
  std::string write(const std::string& name, const std::string& content) {
    write_atomic(folder() / name, content);
    return (folder() / name).string();
  }
  nlohmann::json credentials() const { return nlohmann::json::parse(tree(home()).at("redis-credentials.json")); }
};

std::string url_of(const RedisServer& server, const std::string& user = {}, const std::string& database = {}) {
  return fmt::format("redis://{}{}127.0.0.1:{}{}", user, user.empty() ? "" : "@", server.port(), database);
}

Words login(const ExternalCli& cli, const std::string& url) {
  return {"--url", url, "--password-file", cli.password_file()};
}

/// What a service forbids, as it publishes it. A command that it does not have is renamed away; one of which it forbids
/// a part is taken from the user.
struct Service {
  const char* name;
  const char* source;
  Words away;
  const char* rules;
};

const std::vector<Service>& services() {
  static const std::vector<Service> all = {
      {"Amazon ElastiCache",
       "docs.aws.amazon.com/AmazonElastiCache/latest/dg/ClientConfig.RestrictedCommands.html",
       {"BGREWRITEAOF", "BGSAVE", "CONFIG", "DEBUG", "MIGRATE", "REPLICAOF", "SAVE", "SLAVEOF", "SHUTDOWN", "SYNC"},
       ""},
      {"Amazon MemoryDB",
       "docs.aws.amazon.com/memorydb/latest/devguide/restrictedcommands.html",
       {"BGREWRITEAOF", "BGSAVE", "CONFIG", "DEBUG", "MIGRATE", "MODULE", "PSYNC", "REPLICAOF", "SAVE", "SHUTDOWN",
        "SLAVEOF", "SYNC"},
       "-acl|deluser -acl|load -acl|save -acl|setuser -cluster|addslots -cluster|delslots -cluster|setslot"},
      {"Redis Cloud",
       "redis.io/docs/latest/operate/rs/references/compatibility/commands/server/ (and …/generic/, …/connection/)",
       {"BGREWRITEAOF", "BGSAVE", "DEBUG", "FAILOVER", "LASTSAVE", "LATENCY", "MIGRATE", "MODULE", "MOVE", "PSYNC",
        "REPLICAOF", "ROLE", "SAVE", "SHUTDOWN", "SLAVEOF", "SWAPDB", "SYNC"},
       "-acl|deluser -acl|genpass -acl|load -acl|log -acl|save -acl|setuser -config|rewrite -select"},
      {"Azure Cache for Redis",
       "learn.microsoft.com/azure/azure-cache-for-redis/cache-configure (Redis commands not supported)",
       {"ACL", "BGREWRITEAOF", "BGSAVE", "CONFIG", "DEBUG", "MIGRATE", "PSYNC", "REPLICAOF", "SAVE", "SHUTDOWN",
        "SLAVEOF", "SYNC"},
       ""},
      // what stands in no row of its table of supported commands; EVAL_RO came with a later protocol version
      {"Upstash",
       "upstash.com/docs/redis/overall/rediscompatibility",
       {"BGREWRITEAOF", "BGSAVE",   "CLIENT",  "CLUSTER",  "COMMAND", "CONFIG",  "DEBUG",  "EVAL_RO", "EVALSHA_RO",
        "FAILOVER",     "LASTSAVE", "LATENCY", "MEMORY",   "MIGRATE", "MODULE",  "MOVE",   "OBJECT",  "PSYNC",
        "REPLICAOF",    "ROLE",     "SAVE",    "SHUTDOWN", "SLAVEOF", "SLOWLOG", "SWAPDB", "SYNC",    "WAIT"},
       ""},
      {"Aiven",
       "aiven.io/docs/products/redis/concepts/restricted-redis-commands",
       {"ACL", "BGREWRITEAOF", "BGSAVE", "CLUSTER", "COMMAND", "CONFIG", "DEBUG", "FAILOVER", "LASTSAVE", "MIGRATE",
        "MONITOR", "REPLICAOF", "ROLE", "SAVE", "SHUTDOWN", "SLAVEOF"},
       ""},
      {"a user without the dangerous commands",
       "the least that is of use: no INFO, no CONFIG, no CLIENT",
       {},
       "-@admin -@dangerous"},
  };
  return all;
}

std::string conf_of(const Service& service) {
  std::string conf = "user default off\n";
  for (const std::string& command : service.away) conf += fmt::format("rename-command {} \"\"\n", command);
  return conf + fmt::format("user app on >{} ~* &* +@all {}\n", password, service.rules);
}

}  // namespace

TEST_CASE("external: every command works on servers with the published lists of forbidden commands") {
  for (const Service& service : services()) {
    CAPTURE(service.name);
    CAPTURE(service.source);
    RedisServer server(conf_of(service));
    ExternalCli cli;
    const Words by_url = login(cli, url_of(server, "app"));
    const std::string examined = cli.must_end(0, {"doctor"}, by_url);
    CHECK(examined.find("this user may do what a queue needs") != std::string::npos);
    CHECK(examined.find("✗") == std::string::npos);
    cli.must_end(0, {"setup", "redis", "--dry-run"}, by_url);
    cli.must_end(0, {"setup", "redis"}, by_url);
    CHECK(cli.must_end(0, {"setup", "redis"}).find("Nothing changed") != std::string::npos);
    const std::string status = cli.must_end(0, {"status"});
    CHECK(status.find("(external): healthy") != std::string::npos);
    CHECK(status.find("✗") == std::string::npos);
    cli.must_end(0, {"status", "redis", "-o", "json"});
    cli.must_end(0, {"smoke", "redis"});
    CHECK(cli.must_end(0, {"smoke", "redis", "--release", "sla", "--preset", "sla-management"}, by_url).find("✗") ==
          std::string::npos);
    cli.must_end(0, {"queue", "add", "--field", "job_id=0", "--field", "job_type=a", "--field", "payload=x"});
    cli.must_end(0, {"queue", "add", cli.write("jobs", job_lines(700))});
    CHECK(cli.object({"queue", "stats"}).at("queues").at(0).at("length") == 701);
    cli.must_end(0, {"queue", "stats", "--all"});
    cli.must_end(0, {"queue", "ls", "--limit", "3"});
    cli.must_end(0, {"queue", "grep", "build", "--limit", "2"});
    cli.must_end(0, {"queue", "tail"});
    cli.must_end(0, {"queue", "top", "--looks", "1"});
    cli.must_end(0, {"queue", "pause", "noon"});
    cli.must_end(0, {"queue", "resume"});
    const Output exported = cli.ask({"queue", "export"});
    CHECK(split(std::string(trim(exported.out)), '\n').size() == 701);
    cli.must_end(0, {"queue", "import", cli.write("export", exported.out), "--stream", "copy"});
    cli.must_end(0, {"queue", "work", "--until-empty", "--batch"}, {"--", "sed", "-u", "s/.*/ok/"});
    cli.must_end(0, {"queue", "trim", "--max-length", "10", "--yes"});
    CHECK(cli.object({"queue", "stats"}).at("queues").at(0).at("length") == 10);
    cli.must_end(0, {"queue", "dead", "ls"});
    CHECK(cli.must_end(0, {"connect", "redis"}, {"--", "redis-cli", "XLEN", "raibid:jobs"}).find("10") !=
          std::string::npos);
    CHECK(cli.must_end(0, {"url", "redis"}) == url_of(server, "app") + "\n");
    for (const char* what : {"env", "secret", "configmap", "keda"}) cli.must_end(0, {"export", what});
    cli.must_end(0, {"teardown", "redis", "--yes"});
    CHECK(tree(cli.home()).count("redis-credentials.json") == 0);
    CHECK(server.connect(password, "app")->command({"XLEN", "raibid:jobs"}).integer == 10);
  }
}

TEST_CASE("external: a user, a database and a password by file, REDIS_URL, the saved file and a terminal") {
  RedisServer server(fmt::format("user default off\nuser app on >{} ~* &* +@all\n", password));
  ExternalCli cli;
  const std::string url = url_of(server, "app", "/3");
  CHECK(cli.must_end(1, {"queue", "stats"}, {"--url", url}).find("asks for a password") != std::string::npos);
  cli.must_end(0, {"queue", "stats"}, login(cli, url));
  cli.set("REDIS_URL", fmt::format("redis://app:{}@127.0.0.1:{}/3", password, server.port()));
  cli.must_end(0, {"queue", "stats"});
  cli.must_end(0, {"setup", "redis"});  // from REDIS_URL
  CHECK(cli.credentials().at("database") == 3);
  CHECK(cli.credentials().at("username") == "app");
  CHECK(cli.credentials().at("password") == password);
  cli.set("REDIS_URL", "");
  cli.must_end(0, {"status"});
  cli.must_end(0, {"queue", "stats"}, {"--url", url});  // the saved password of this address
  cli.must_end(0, {"queue", "add", "--field", "job_id=0", "--field", "job_type=a", "--field", "payload=x"});
  CHECK(cli.must_end(0, {"connect", "redis"}, {"--", "redis-cli", "XLEN", "raibid:jobs"}).find("1") !=
        std::string::npos);
  CHECK(
      cli.must_end(0, {"connect", "redis"}, {"--", "sh", "-c", "redis-cli -u \"$REDIS_URL\" --no-auth-warning DBSIZE"})
          .find("1") != std::string::npos);
  const std::unique_ptr<RedisConnection> redis = server.connect(password, "app");
  CHECK(redis->command({"DBSIZE"}).integer == 0);
  redis->command({"SELECT", "3"});
  CHECK(redis->command({"XLEN", "raibid:jobs"}).integer == 1);
  CHECK(cli.must_end(0, {"url", "redis", "--with-password"}) ==
        fmt::format("redis://app:{}@127.0.0.1:{}/3\n", password, server.port()));
  const std::string env = cli.must_end(0, {"export", "env"});
  CHECK(env.find(password) == std::string::npos);
  const std::string keda = cli.must_end(0, {"export", "keda"});
  CHECK(keda.find("databaseIndex: \"3\"") != std::string::npos);
  CHECK(keda.find("username: \"app\"") != std::string::npos);

  fs::remove(cli.home() / "redis-credentials.json");
  Pty pty({RAIBID_CLI, "queue", "stats", "--target", "external", "--url", url},
          {{"RAIBID_HOME", cli.home().string()}, {"HOME", cli.folder().string()}});
  REQUIRE(pty.shows("Password of app of Redis at"));
  CHECK((pty.settings().c_lflag & ECHO) == 0);
  pty.type(std::string(password) + "\r");
  CHECK(pty.end() == 0);
  CHECK((pty.settings().c_lflag & ECHO) != 0);
  CHECK(pty.written().find(password) == std::string::npos);
  CHECK(pty.written().find("raibid:jobs") != std::string::npos);
}

TEST_CASE("external: cluster mode takes streams with a hash tag, and says what it does not take") {
  RedisServer server("cluster-enabled yes\n");
  {
    const std::unique_ptr<RedisConnection> redis = server.connect();
    redis->command({"CLUSTER", "ADDSLOTSRANGE", "0", "16383"});
    const TimePoint until = real_runner().now() + std::chrono::seconds(10);
    while (redis->command({"CLUSTER", "INFO"}).text.find("cluster_state:ok") == std::string::npos &&
           real_runner().now() < until)
      real_runner().wait({}, real_runner().now() + std::chrono::milliseconds(50));
  }
  ExternalCli cli;
  const Words by_url = {"--url", url_of(server)};
  CHECK(cli.must_end(1, {"doctor"}, by_url).find("--stream '{raibid:jobs}'") != std::string::npos);
  const std::string refused = cli.must_end(3, {"setup", "redis"}, by_url);
  CHECK(refused.find("\"raibid:jobs\" has no hash tag") != std::string::npos);
  CHECK(refused.find("--stream '{raibid:jobs}'") != std::string::npos);
  CHECK(server.connect()->command({"DBSIZE"}).integer == 0);
  CHECK(cli.must_end(1, {"queue", "stats"}, by_url).find("hash tag") != std::string::npos);
  cli.must_end(0, {"setup", "redis", "--stream", "{raibid:jobs}"}, by_url);
  cli.must_end(0, {"status"});
  cli.must_end(0, {"smoke", "redis"});
  cli.must_end(0, {"queue", "add", cli.write("jobs", job_lines(700))});
  cli.must_end(0, {"queue", "work", "--until-empty", "--batch"}, {"--", "sed", "-u", "s/.*/ok/"});
  cli.must_end(0, {"queue", "trim", "--max-length", "1", "--yes"});
  cli.must_end(0, {"queue", "stats", "--all"});
  CHECK(cli.must_end(1, {"queue", "stats"}, {"--url", url_of(server, "", "/1")}).find("database 1") !=
        std::string::npos);
}

TEST_CASE("external: a server that ends connections which are idle for a second") {
  RedisServer server("timeout 1\n");
  ExternalCli cli;
  cli.must_end(0, {"setup", "redis"}, {"--url", url_of(server)});
  const nlohmann::json stats = cli.object({"queue", "stats", "--rate", "2500ms"});
  CHECK(stats.at("queues").at(0).at("added_per_second") == 0.0);
  cli.must_end(0, {"queue", "top", "--looks", "2", "--interval", "2500ms"});
  cli.must_end(0, {"status"});
}

TEST_CASE("external: what goes wrong is one line, with a hint that can be typed") {
  struct Row {
    const char* what;
    std::string url;
    const char* words;
    int setup;
    Words more = {};
  };
  RedisServer open, closed(fmt::format("requirepass {}\n", password)), replica("replicaof 127.0.0.1 1\n");
  TcpServer silent([](TcpServer::Connection& connection) { connection.hang(); });
  TcpServer loading([](TcpServer::Connection& connection) {
    while (connection.read_until("\r\n").find("\r\n") != std::string::npos &&
           connection.send("-LOADING Redis is loading the dataset in memory\r\n")) {
    }
  });
  TcpServer full([](TcpServer::Connection& connection) { connection.send("-ERR max number of clients reached\r\n"); });
  TcpServer web([](TcpServer::Connection& connection) {
    connection.read_until("\r\n");
    connection.send("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  const auto at = [](int port) { return fmt::format("redis://127.0.0.1:{}", port); };
  ExternalCli cli;
  const std::string wrong = cli.write("wrong", "another-password\n");
  const Row rows[] = {
      {"nobody listens", at(free_port()), "Connection refused", 3},
      {"no such host", "redis://no-such-host.invalid", "cannot find Redis' host no-such-host.invalid", 3},
      {"a password is missing", url_of(closed), "asks for a password, and none was given", 3},
      {"a wrong password", url_of(closed), "refuses the password", 3, {"--password-file", wrong}},
      {"a wrong user", url_of(closed, "nobody"), "refuses the password of user nobody", 3, {"--password-file", wrong}},
      {"a password too many", url_of(open), "has no password set, and one was given", 3, {"--password-file", wrong}},
      {"no such database", url_of(open, "", "/99"), "does not let us use database 99", 3},
      {"never answers", at(silent.port()), "did not answer within 5 s", 3},
      {"is loading", at(loading.port()), "is loading its data", 3, {"--timeout", "1s"}},
      {"has too many clients", at(full.port()), "max number of clients reached", 3},
      {"is a web server", at(web.port()), "is not Redis", 3},
      {"is a replica", url_of(replica), "replica", 3},
      {"no URL", "127.0.0.1:6379", "not a URL of a Redis", 2},
      {"a password in the URL", fmt::format("redis://:{}@127.0.0.1:1", password), "a password has no place in it", 2},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Words more = {"--url", row.url};
    more.insert(more.end(), row.more.begin(), row.more.end());
    const Output setup = cli.ask({"setup", "redis"}, more);
    INFO(said(setup));
    CHECK(setup.status == row.setup);
    CHECK(setup.err.find(row.words) != std::string::npos);
    const std::size_t error = setup.err.find("error: ");
    const std::size_t hint = setup.err.find("\nhint: ");
    REQUIRE(error != std::string::npos);
    REQUIRE(hint != std::string::npos);
    CHECK(setup.err.find('\n', error) == hint);                  // one line
    if (std::string_view(row.what) == "is a replica") continue;  // it can be looked at
    const Output stats = cli.ask({"queue", "stats"}, more);
    CHECK(stats.status == (row.setup == 2 ? 2 : 1));
    CHECK(stats.err.find(row.words) != std::string::npos);
    const Output status = cli.ask({"status"}, more);
    CHECK(status.status == (row.setup == 2 ? 2 : 1));
    CHECK((status.out + status.err).find(row.words) != std::string::npos);
    cli.must_end(row.setup == 2 ? 2 : 1, {"doctor"}, more);
  }
  CHECK(tree(cli.home() / "journal").empty());
  CHECK(tree(cli.home()).count("redis-credentials.json") == 0);
}

TEST_CASE("external: a setup that fails takes back what it made, and only that") {
  // it may look at the second stream, and not write it
  RedisServer server(fmt::format("user default off\nuser app on >{} ~raibid:* %R~other &* +@all\n", password));
  ExternalCli cli;
  const std::string preset =
      cli.write("two.yaml",
                "name: two\ndescription: two streams\nsettings: {namespace: two, release: two-redis}\n"
                "streams:\n  - {name: 'raibid:first', groups: [g]}\n  - {name: other, groups: [g]}\n"
                "environment: {REDIS_URL: '{{url}}'}\nsmoke: [stream-queue]\n");
  Words more = login(cli, url_of(server, "app"));
  more.insert(more.end(), {"--preset", preset});
  const std::string failed = cli.must_end(4, {"setup", "redis"}, more);
  CHECK(failed.find("NOPERM") != std::string::npos);
  CHECK(server.connect(password, "app")->command({"EXISTS", "raibid:first"}).integer == 0);
  CHECK(server.connect(password, "app")->command({"EXISTS", "raibid:lock:two-redis"}).integer == 0);
  CHECK(tree(cli.home()).count("redis-credentials.json") == 0);
}

TEST_CASE("external: two machines that set it up take turns") {
  RedisServer server;
  ExternalCli cli;
  const std::unique_ptr<RedisConnection> redis = server.connect();
  redis->command({"SET", "raibid:lock:raibid-redis", "setup redis of someone", "PX", "60000"});
  const std::string refused = cli.must_end(3, {"setup", "redis", "--timeout", "1s"}, {"--url", url_of(server)});
  CHECK(refused.find("setup redis of someone works on this Redis") != std::string::npos);
  CHECK(redis->command({"EXISTS", "raibid:jobs"}).integer == 0);
  redis->command({"PEXPIRE", "raibid:lock:raibid-redis", "500"});  // a run that was killed
  cli.must_end(0, {"setup", "redis"}, {"--url", url_of(server)});
  CHECK(redis->command({"EXISTS", "raibid:lock:raibid-redis"}).integer == 0);
}

TEST_CASE("external: the setup after a kill -9 goes on, and what the killed one made is known") {
  RedisServer server;
  ExternalCli cli;
  const Words setup = {"setup", "redis", "--target", "external", "--url", url_of(server)};
  int killed = 0;
  for (int round = 0; round < 12; ++round) {
    pid_t pid = 0;
    cli.runner().observe([&](int started, const Command&) { pid = started; });
    const auto process = cli.start(setup);
    cli.runner().observe({});
    Process* const one = process.get();
    cli.runner().wait({}, cli.runner().now() + std::chrono::milliseconds(3 * round));
    if (!process->finished()) {
      ::kill(pid, SIGKILL);
      ++killed;
    }
    while (!process->finished() && cli.runner().wait({&one, 1}, cli.runner().now() + std::chrono::seconds(10))) {
    }
    server.connect()->command({"DEL", "raibid:lock:raibid-redis"});  // it would run out by itself after half a minute
  }
  CAPTURE(killed);
  cli.must_end(0, {"setup", "redis"}, {"--url", url_of(server)});
  cli.must_end(0, {"status"});
  CHECK(tree(cli.home() / "journal").empty());
  cli.must_end(0, {"teardown", "redis", "--delete-data", "--yes"});
  CHECK(server.connect()->command({"EXISTS", "raibid:jobs"}).integer == 0);
}

TEST_CASE("external: a password of any form is taken, and one that the server no longer has is named with its file") {
  RedisServer server;
  ExternalCli cli;
  const std::unique_ptr<RedisConnection> redis = server.connect();
  REQUIRE_FALSE(redis->command({"CONFIG", "SET", "requirepass", "p w"}).is_error());
  const std::string file = (cli.folder() / "secret").string();
  write_atomic(file, "p w\n");
  cli.must_end(0, {"setup", "redis", "--password-file", file}, {"--url", url_of(server)});
  cli.must_end(0, {"status", "redis"});
  REQUIRE_FALSE(redis->command({"CONFIG", "SET", "requirepass", ""}).is_error());
  const std::string refused = cli.must_end(3, {"setup", "redis"});
  CHECK(refused.find("the password is from") != std::string::npos);
  CHECK(refused.find("redis-credentials") != std::string::npos);
  cli.must_end(0, {"teardown", "redis", "--yes"});  // the command of the hint
  cli.must_end(0, {"setup", "redis"}, {"--url", url_of(server)});
}

TEST_CASE("external: teardown removes the credentials file, and with --delete-data what setup made and nobody uses") {
  RedisServer server;
  ExternalCli cli;
  const std::unique_ptr<RedisConnection> redis = server.connect();
  const Words by_url = {"--url", url_of(server)};
  const auto exists = [&] { return redis->command({"EXISTS", "raibid:jobs"}).integer == 1; };

  cli.must_end(0, {"setup", "redis"}, by_url);
  CHECK(cli.must_end(2, {"teardown", "redis"}).find("add --yes") != std::string::npos);
  CHECK(cli.must_end(0, {"teardown", "redis", "--dry-run"}).find("Nothing was changed") != std::string::npos);
  cli.must_end(0, {"teardown", "redis", "--yes"});
  CHECK(exists());
  CHECK(cli.must_end(0, {"teardown", "redis", "--yes"}, by_url).find("Nothing to tear down") != std::string::npos);

  cli.must_end(0, {"setup", "redis"}, by_url);  // the group was there: it is not this setup's
  cli.must_end(0, {"teardown", "redis", "--delete-data", "--yes"});
  CHECK(exists());

  redis->command({"DEL", "raibid:jobs"});
  cli.must_end(0, {"setup", "redis"}, by_url);
  cli.must_end(0, {"queue", "add", "--field", "job_id=0", "--field", "job_type=a", "--field", "payload=x"});
  const std::string kept = cli.must_end(0, {"teardown", "redis", "--delete-data", "--yes"});
  CHECK(kept.find("it has jobs") != std::string::npos);
  CHECK(redis->command({"XLEN", "raibid:jobs"}).integer == 1);

  redis->command({"DEL", "raibid:jobs"});
  cli.must_end(0, {"setup", "redis"}, by_url);
  redis->command({"XGROUP", "CREATECONSUMER", "raibid:jobs", "raibid-workers", "w"});
  CHECK(cli.must_end(0, {"teardown", "redis", "--delete-data", "--yes"}).find("someone works in it") !=
        std::string::npos);
  CHECK(exists());

  // Redis before 7.2 knows a consumer only once it was given a job
  redis->command({"DEL", "raibid:jobs"});
  cli.must_end(0, {"setup", "redis"}, by_url);
  const std::unique_ptr<RedisConnection> worker = server.connect();
  worker->send({"XREADGROUP", "GROUP", "raibid-workers", "w", "BLOCK", "0", "STREAMS", "raibid:jobs", ">"});
  while (redis->command({"CLIENT", "LIST"}).text.find("cmd=xreadgroup") == std::string::npos) continue;
  const std::string waited_in = cli.must_end(0, {"teardown", "redis", "--delete-data", "--yes"});
  CHECK((waited_in.find("a client reads jobs") != std::string::npos ||
         waited_in.find("someone works in it") != std::string::npos));
  CHECK(exists());
  redis->command({"CLIENT", "KILL", "TYPE", "normal"});

  redis->command({"DEL", "raibid:jobs"});
  cli.must_end(0, {"setup", "redis"}, by_url);
  redis->command({"XGROUP", "CREATE", "raibid:jobs", "others", "0"});
  cli.must_end(0, {"teardown", "redis", "--delete-data", "--yes"});
  CHECK(redis->command({"XINFO", "GROUPS", "raibid:jobs"}).items.size() == 1);  // someone else's group, and its stream

  redis->command({"DEL", "raibid:jobs"});
  cli.must_end(0, {"setup", "redis"}, by_url);
  cli.must_end(0, {"teardown", "redis", "--delete-data", "--yes"});
  CHECK_FALSE(exists());
  CHECK(tree(cli.home()).count("redis-credentials.json") == 0);
}

TEST_CASE("external: status lists every saved Redis, and what does not apply is refused") {
  RedisServer first, second;
  ExternalCli cli;
  cli.must_end(0, {"setup", "redis"}, {"--url", url_of(first)});
  cli.must_end(0, {"setup", "redis", "--preset", "mirai"}, {"--url", url_of(second)});
  cli.must_end(0, {"queue", "stats"});
  cli.must_end(0, {"status", "--preset", "mirai"});
  const std::string all = cli.must_end(0, {"status", "--all"});
  CHECK(all.find(std::to_string(first.port())) != std::string::npos);
  CHECK(all.find(std::to_string(second.port())) != std::string::npos);
  second.stop();
  CHECK(cli.must_end(1, {"status", "--all"}).find("not healthy") != std::string::npos);
  const nlohmann::json rows = nlohmann::json::parse(cli({"status", "--all", "-o", "json"}).out);
  REQUIRE(rows.size() == 2);            // also without --target
  fs::remove(cli.folder() / "called");  // it had to look whether there is a cluster
  for (const nlohmann::json& row : rows) {
    const bool ended = row.at("port") == second.port();
    CHECK(row.at("healthy") == !ended);
    if (!ended) continue;
    const std::string hint = row.at("checks").back().at("hint");
    CHECK(hint.ends_with(
        fmt::format("raibid-cli doctor --target external --url {} -n redis --release mirai-redis", url_of(second))));
  }
  for (const Words& words : std::vector<Words>{{"setup", "redis", "--size", "4Gi"},
                                               {"setup", "redis", "--chart", "bitnami"},
                                               {"setup", "redis", "--memory-limit", "1Gi"},
                                               {"doctor", "--role"},
                                               {"connect", "redis", "--port", "7000"},
                                               {"smoke", "redis", "--durability", "--yes"},
                                               {"export", "compose"},
                                               {"export", "values"},
                                               {"status", "--context", "k3s"}}) {
    cli.must_end(2, words);
  }
}

TEST_CASE("external: the state of 1,000 streams with 200 consumers is asked for in one round trip") {
  RedisServer server;
  const std::unique_ptr<RedisConnection> redis = server.connect();
  const RedisReply made = redis->command(
      {"EVAL",
       "for i = 1, 1000 do redis.call('XGROUP', 'CREATE', 'q:' .. i, 'g', '0', 'MKSTREAM') "
       "redis.call('XADD', 'q:' .. i, '*', 'n', i) "
       "if i <= 200 then redis.call('XREADGROUP', 'GROUP', 'g', 'c' .. i, 'STREAMS', 'q:' .. i, '>') end end return 1",
       "0"});
  REQUIRE(made.integer == 1);
  Words streams;
  for (int i = 1; i <= 1000; ++i) streams.push_back(fmt::format("q:{}", i));
  /// Counts what is sent and waited for.
  class Counting final : public RedisConnection {
   public:
    explicit Counting(RedisConnection& redis) : m_redis(redis) {}
    int trips = 0;
    RedisReply command(const Words& words) override {
      ++trips;
      return m_redis.command(words);
    }
    std::vector<RedisReply> pipeline(const std::vector<Words>& commands) override {
      ++trips;
      return m_redis.pipeline(commands);
    }
    void send(const Words& words) override { m_redis.send(words); }
    RedisReply receive() override { return m_redis.receive(); }

   private:
    RedisConnection& m_redis;
  } counting(*redis);
  const std::vector<QueueFacts> facts = read_queue_facts(counting, streams, 0);
  CHECK(counting.trips == 1);
  REQUIRE(facts.size() == 1000);
  std::size_t consumers = 0;
  for (const QueueFacts& one : facts) consumers += one.groups.at(0).consumers.size();
  CHECK(consumers == 200);
}

}  // namespace raibid::external_integration_test
