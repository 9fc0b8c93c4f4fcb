// The ACL file in a real redis-server.
#include "components/redis/server/password.hpp"

#include <doctest/doctest.h>

#include <filesystem>

#include "support/redis_server.hpp"
#include "support/thrown.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

/// A server with users.acl, as either target starts one.
class ServerWithUsers {
 public:
  ServerWithUsers(const Secret& password, const Secret& exporter) : m_folder(std::filesystem::temp_directory_path()) {
    write_atomic(acl(), acl_file(password, exporter));
  }
  std::string conf() const { return "aclfile " + acl() + "\n"; }

 private:
  std::string acl() const { return m_folder.path() / "users.acl"; }
  TemporaryDirectory m_folder;
};

std::string answer(RedisConnection& redis, const std::vector<std::string>& command) {
  return redis.command(command).text;
}

}  // namespace

TEST_CASE("ACL file: the password opens everything, a wrong one and none open nothing") {
  const ServerWithUsers users(Secret("swordfish"), Secret("fishsword"));
  const RedisServer server(users.conf());
  const auto redis = server.connect("swordfish");
  CHECK(answer(*redis, {"SET", "k", "v"}) == "OK");
  CHECK(answer(*redis, {"ACL", "WHOAMI"}) == "default");
  CHECK(server.connect("swordfish", "default")->command({"GET", "k"}).text == "v");
  CHECK(has(error_of([&] { server.connect("wrong"); }).message(), "refuses the password"));
  HiredisConnector connector;
  const auto nobody = connector.connect("127.0.0.1", server.port(), std::chrono::seconds(5));
  CHECK(nobody->command({"GET", "k"}).error_code() == "NOAUTH");
  CHECK(nobody->command({"PING"}).error_code() == "NOAUTH");
}

TEST_CASE("ACL file: the probes' user answers PING without a password, and does nothing else") {
  const ServerWithUsers users(Secret("swordfish"), Secret("fishsword"));
  const RedisServer server(users.conf());
  const auto probe = server.connect("anything", "health");
  CHECK(answer(*probe, {"PING"}) == "PONG");
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{{"GET", "k"},
                                                                                       {"SET", "k", "v"},
                                                                                       {"INFO"},
                                                                                       {"CONFIG", "GET", "*"},
                                                                                       {"KEYS", "*"},
                                                                                       {"SUBSCRIBE", "c"},
                                                                                       {"ACL", "LIST"},
                                                                                       {"SHUTDOWN"},
                                                                                       {"EVAL", "return 1", "0"}}) {
    CAPTURE(command.front());
    CHECK(probe->command(command).error_code() == "NOPERM");
  }
  const RedisReply user = server.connect("swordfish")->command({"ACL", "GETUSER", "health"});
  CHECK(user.field("commands")->text == "-@all +ping");
  CHECK(user.field("keys")->text.empty());
  CHECK(user.field("channels")->text.empty());
}

TEST_CASE("ACL file: the exporter's user reads what metrics need, and no value") {
  const ServerWithUsers users(Secret("swordfish"), Secret("fishsword"));
  const RedisServer server(users.conf());
  const auto owner = server.connect("swordfish");
  owner->command({"XGROUP", "CREATE", "raibid:jobs", "raibid-workers", "0", "MKSTREAM"});
  owner->command({"XADD", "raibid:jobs", "*", "job_id", "1"});
  owner->command({"XREADGROUP", "GROUP", "raibid-workers", "c", "STREAMS", "raibid:jobs", ">"});
  owner->command({"LPUSH", "list", "a"});
  const auto exporter = server.connect("fishsword", "exporter");
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"PING"},
                                             {"CLIENT", "SETNAME", "redis_exporter"},
                                             {"INFO", "ALL"},
                                             {"CONFIG", "GET", "*"},
                                             {"SELECT", "0"},
                                             {"LATENCY", "LATEST"},
                                             {"LATENCY", "HISTOGRAM"},
                                             {"SLOWLOG", "LEN"},
                                             {"SLOWLOG", "GET", "1"},
                                             {"TYPE", "list"},
                                             {"LLEN", "list"},
                                             {"XLEN", "raibid:jobs"},
                                             {"XINFO", "STREAM", "raibid:jobs"},
                                             {"XINFO", "GROUPS", "raibid:jobs"},
                                             {"XINFO", "CONSUMERS", "raibid:jobs", "raibid-workers"}}) {
    CAPTURE(command.front());
    const RedisReply reply = exporter->command(command);
    CAPTURE(reply.text);
    CHECK_FALSE(reply.is_error());
  }
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"GET", "k"},
                                             {"LRANGE", "list", "0", "-1"},
                                             {"XRANGE", "raibid:jobs", "-", "+"},
                                             {"SET", "k", "v"},
                                             {"DEL", "list"},
                                             {"CONFIG", "SET", "hz", "10"},
                                             {"CONFIG", "REWRITE"},
                                             {"CLIENT", "LIST"},
                                             {"CLIENT", "KILL", "ID", "1"},
                                             {"SLOWLOG", "RESET"},
                                             {"LATENCY", "RESET"},
                                             {"ACL", "LIST"},
                                             {"KEYS", "*"},
                                             {"MONITOR"},
                                             {"SHUTDOWN"},
                                             {"EVAL", "return 1", "0"},
                                             {"XGROUP", "DESTROY", "raibid:jobs", "raibid-workers"},
                                             {"PUBLISH", "c", "m"}}) {
    CAPTURE(command.front());
    CHECK(exporter->command(command).error_code() == "NOPERM");
  }
  CHECK(has(error_of([&] { server.connect("swordfish", "exporter"); }).message(), "refuses the password"));
}

TEST_CASE("ACL file: without authentication everybody is the default user") {
  const ServerWithUsers users{Secret(), Secret()};
  const RedisServer server(users.conf());
  CHECK(server.connect()->command({"SET", "k", "v"}).text == "OK");
  CHECK(has(server.connect()->command({"ACL", "LIST"}).items.at(0).text, "user default on nopass"));
}

TEST_CASE("ACL file: passwords of every printable character") {
  std::string all;
  for (char c = '!'; c <= '~'; ++c) all += c;
  const ServerWithUsers users{Secret(all), Secret()};
  const RedisServer server(users.conf());
  CHECK(server.connect(all)->command({"PING"}).text == "PONG");
}
