// The ACL file in a real redis-server.
#include "components/redis/server/password.hpp"
#include "components/redis/server/running_acl.hpp"
#include "components/redis/server/safe_trim.hpp"

#include <doctest/doctest.h>

#include <filesystem>

#include "support/cli.hpp"
#include "support/redis_server.hpp"
#include "support/thrown.hpp"
#include "tools/redis_connection.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

/// A server with users.acl, as either target starts one.
class ServerWithUsers {
 public:
  ServerWithUsers(const Secret& password, const Secret& exporter, const TrimUser& trim = {})
      : m_folder(std::filesystem::temp_directory_path()) {
    write_atomic(acl(), acl_file(password, exporter, trim));
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
  HiredisConnector connector(test::real_runner());
  const auto nobody = connector.connect({"127.0.0.1", server.port()}, std::chrono::seconds(5));
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

TEST_CASE("ACL file: the trim user trims its streams safely, and does nothing else") {
  const TrimUser user{Secret("catfish"), {"raibid:jobs", "odd*[name]"}};
  const ServerWithUsers users(Secret("swordfish"), Secret("fishsword"), user);
  const RedisServer server(users.conf());
  const auto owner = server.connect("swordfish");
  for (const char* stream : {"raibid:jobs", "odd*[name]"}) {
    owner->command({"XGROUP", "CREATE", stream, "workers", "0", "MKSTREAM"});
    for (int job = 0; job < 10; ++job) owner->command({"XADD", stream, "*", "job_id", std::to_string(job)});
    const RedisReply given =
        owner->command({"XREADGROUP", "GROUP", "workers", "c", "COUNT", "6", "STREAMS", stream, ">"});
    const std::vector<RedisReply>& entries = given.items.at(0).items.at(1).items;
    for (int job = 0; job < 4; ++job)
      owner->command({"XACK", stream, "workers", entries.at(static_cast<std::size_t>(job)).items.at(0).text});
  }
  const auto trimmer = server.connect("catfish", "trim");
  const TrimRequest request{3, "", false};
  // the script is given as it is (EVAL), for nobody lets this user load one
  for (const char* stream : {"raibid:jobs", "odd*[name]"}) {
    CAPTURE(stream);
    const TrimResult result = safe_trim(*trimmer, stream, request, {});
    CHECK(result.removed == 4);
    CHECK(result.reason == "pending");
    CHECK(owner->command({"XLEN", stream}).integer == 6);
  }
  owner->command({"XADD", "other", "*", "a", "b"});
  owner->command({"XADD", "oddx[name]", "*", "a", "b"});
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"GET", "k"},
                                             {"XADD", "raibid:jobs", "*", "a", "b"},
                                             {"XDEL", "raibid:jobs", "0-1"},
                                             {"DEL", "raibid:jobs"},
                                             {"XACK", "raibid:jobs", "workers", "0-1"},
                                             {"XREADGROUP", "GROUP", "workers", "c", "STREAMS", "raibid:jobs", ">"},
                                             {"XINFO", "STREAM", "raibid:jobs"},
                                             {"XTRIM", "other", "MAXLEN", "0"},
                                             {"XTRIM", "oddx[name]", "MAXLEN", "0"},
                                             {"EVAL", "return redis.call('XTRIM', KEYS[1], 'MAXLEN', 0)", "1", "other"},
                                             {"CONFIG", "GET", "*"},
                                             {"KEYS", "*"},
                                             {"SCRIPT", "LOAD", "return 1"},
                                             {"ACL", "LIST"},
                                             {"SHUTDOWN"}}) {
    CAPTURE(command.front());
    CHECK(trimmer->command(command).error_code() == "NOPERM");
  }
  const std::vector<std::string> adding = {"EVAL", "return redis.call('XADD', KEYS[1], '*', 'a', 'b')", "1",
                                           "raibid:jobs"};
  CHECK(trimmer->command(adding).is_error());  // in other words from version to version
  CHECK(owner->command({"XLEN", "raibid:jobs"}).integer == 6);
  CHECK(acl_differences(*owner, Secret(acl_file(Secret("swordfish"), Secret("fishsword"), user))).empty());
}

TEST_CASE("ACL file: a running server gets the trim user without a restart") {
  const ServerWithUsers users(Secret("swordfish"), Secret("fishsword"));
  const RedisServer server(users.conf());
  const auto owner = server.connect("swordfish");
  const Secret before(acl_file(Secret("swordfish"), Secret("fishsword")));
  const TrimUser user{Secret("catfish"), {"raibid:jobs"}};
  CHECK(settle_acl(*owner, with_trim_user(before, user)) == std::vector<std::string>{"user trim does not exist"});
  CHECK(server.connect("catfish", "trim")->command({"XLEN", "raibid:jobs"}).integer == 0);
  const TrimUser other{Secret("catfish"), {"other:jobs"}};
  CHECK(settle_acl(*owner, with_trim_user(before, other)).size() == 1);
  CHECK(server.connect("catfish", "trim")->command({"XLEN", "raibid:jobs"}).error_code() == "NOPERM");
}
