#include "tools/redis_client.hpp"
#include "base/error.hpp"

#include <doctest/doctest.h>

#include <deque>

using namespace raibid;
using namespace std::chrono_literals;

namespace {

using Words = std::vector<std::string>;

RedisReply text(RedisReply::Type type, std::string words) {
  RedisReply reply;
  reply.type = type;
  reply.text = std::move(words);
  return reply;
}
RedisReply error(std::string words) { return text(RedisReply::Type::error, std::move(words)); }
RedisReply status(std::string words) { return text(RedisReply::Type::status, std::move(words)); }

/// Answers in order, and keeps what it was asked.
struct Script {
  std::deque<RedisReply> replies;
  std::vector<Words> asked;
};

class ScriptedConnection final : public RedisConnection {
 public:
  explicit ScriptedConnection(Script& script) : m_script(script) {}
  RedisReply command(const Words& arguments) override {
    m_script.asked.push_back(arguments);
    REQUIRE_FALSE(m_script.replies.empty());
    RedisReply reply = m_script.replies.front();
    m_script.replies.pop_front();
    return reply;
  }
  std::vector<RedisReply> pipeline(const std::vector<Words>& commands) override {
    std::vector<RedisReply> replies;
    for (const Words& arguments : commands) replies.push_back(command(arguments));
    return replies;
  }
  void send(const Words&) override { FAIL("nothing here sends without receiving"); }
  RedisReply receive() override { return {}; }

 private:
  Script& m_script;
};

class ScriptedConnector final : public RedisConnector {
 public:
  explicit ScriptedConnector(Script& script) : m_script(script) {}
  std::unique_ptr<RedisConnection> connect(const RedisEndpoint&, Duration) override {
    return std::make_unique<ScriptedConnection>(m_script);
  }

 private:
  Script& m_script;
};

RedisEndpoint endpoint(const std::string& password, const std::string& user = "") {
  return {"127.0.0.1", 33777, user, Secret(password)};
}

Error refused(const RedisReply& reply, const std::string& password) {
  Script script{{reply}, {}};
  ScriptedConnector connector(script);
  try {
    connect_redis(connector, endpoint(password), 1s);
  } catch (const Error& e) {
    return e;
  }
  return Error(ExitCode::ok, "no error");
}

}  // namespace

TEST_CASE("connect_redis authenticates as it was told") {
  Script script{{status("OK"), status("OK"), status("PONG")}, {}};
  ScriptedConnector connector(script);
  CHECK(connect_redis(connector, endpoint("geheim"), 1s) != nullptr);
  CHECK(connect_redis(connector, endpoint("geheim", "raibid"), 1s) != nullptr);
  CHECK(connect_redis(connector, endpoint(""), 1s) != nullptr);
  CHECK(script.asked == std::vector<Words>{{"AUTH", "geheim"}, {"AUTH", "raibid", "geheim"}, {"PING"}});
}

TEST_CASE("the ways in which Redis refuses are told apart, and none shows the password") {
  const Error wrong = refused(error("WRONGPASS invalid username-password pair or user is disabled."), "geheim");
  CHECK(
      wrong.message() ==
      "Redis at 127.0.0.1:33777 refuses the password (WRONGPASS invalid username-password pair or user is disabled.)");
  CHECK(refused(error("ERR invalid password"), "geheim").message().find("refuses the password") != std::string::npos);
  CHECK(refused(error("NOAUTH Authentication required."), "").message() ==
        "Redis at 127.0.0.1:33777 asks for a password, and none was given (NOAUTH Authentication required.)");
  CHECK(refused(error("ERR AUTH <password> called without any password configured for the default user. Are you sure "
                      "your configuration "
                      "is correct?"),
                "geheim")
            .message() == "Redis at 127.0.0.1:33777 has no password set, and one was given");
  CHECK(refused(error("ERR Client sent AUTH, but no password is set"), "geheim").message().find("no password set") !=
        std::string::npos);
  const Error denied = refused(
      error("DENIED Redis is running in protected mode because protected mode is enabled and no password is set "
            "for the default user."),
      "");
  CHECK(denied.message() == "Redis at 127.0.0.1:33777 runs in protected mode and refuses this connection (DENIED)");
  CHECK(denied.code() == ExitCode::failure);
  CHECK(denied.hint() != "");
  CHECK(refused(error("ERR max number of clients reached"), "").message() ==
        "Redis at 127.0.0.1:33777 refuses the connection: ERR max number of clients reached");
  CHECK(refused(error("ERR unknown command 'AUTH', with args beginning with: 'geheim'"), "geheim")
            .message()
            .find("geheim") == std::string::npos);
}

TEST_CASE("a Redis that is busy for now is one nevertheless") {
  for (const std::string words :
       {"LOADING Redis is loading the dataset in memory", "MISCONF Redis is configured to save RDB snapshots",
        "BUSY Redis is busy running a script.", "NOPERM this user has no permissions to run the 'ping' command"}) {
    Script script{{error(words)}, {}};
    ScriptedConnector connector(script);
    CHECK(connect_redis(connector, endpoint(""), 1s) != nullptr);
  }
}

TEST_CASE("checked: the reply, or what was asked and Redis' own words") {
  Script script{{status("OK"), error("BUSYGROUP Consumer Group name already exists")}, {}};
  ScriptedConnection redis(script);
  CHECK(checked(redis, {"SET", "a", "b"}).text == "OK");
  try {
    checked(redis, {"XGROUP", "CREATE", "stream", "group", "0"});
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.message() == "Redis refuses XGROUP CREATE: BUSYGROUP Consumer Group name already exists");
    CHECK(e.code() == ExitCode::failure);
  }
}

TEST_CASE("checked: what Redis repeats of a password is masked") {
  const std::vector<std::pair<Words, std::string>> cases = {
      {{"ACL", "SETUSER", "default", ">geheim1"}, "ERR Error in ACL SETUSER modifier '>geheim1': Syntax error"},
      {{"ACL", "SETUSER", "default", ">geheim1"}, "ERR something about geheim1"},
      {{"CONFIG", "SET", "requirepass", "geheim1"}, "ERR Invalid argument 'geheim1' for CONFIG SET 'requirepass'"},
      {{"AUTH", "geheim1"}, "ERR unknown command 'AUTH', with args beginning with: 'geheim1'"}};
  for (const auto& [arguments, words] : cases) {
    Script script{{error(words)}, {}};
    ScriptedConnection redis(script);
    try {
      checked(redis, arguments);
      FAIL("no error");
    } catch (const Error& e) {
      CHECK(e.message().find("geheim1") == std::string::npos);
      CHECK(e.message().find("***") != std::string::npos);
    }
  }
}

TEST_CASE("error codes and fields of a reply") {
  CHECK(error("WRONGPASS invalid").error_code() == "WRONGPASS");
  CHECK(error("ERR").error_code() == "ERR");
  CHECK(status("OK").error_code() == "");
  RedisReply flat;
  flat.type = RedisReply::Type::array;
  for (const std::string word : {"appendonly", "yes", "yes", "no", "odd"})
    flat.items.push_back(text(RedisReply::Type::string, word));
  REQUIRE(flat.field("appendonly") != nullptr);
  CHECK(flat.field("appendonly")->text == "yes");
  CHECK(flat.field("yes")->text == "no");  // a value of that name is not a key
  CHECK(flat.field("odd") == nullptr);
  CHECK(RedisReply{}.field("a") == nullptr);
}

TEST_CASE("INFO's fields") {
  const auto info = parse_info(
      "# Server\r\nredis_version:7.0.15\r\nexecutable:/usr/bin/a:b\r\n\r\n# Keyspace\r\nempty:\r\nnonsense\r\n");
  CHECK(info.at("redis_version") == "7.0.15");
  CHECK(info.at("executable") == "/usr/bin/a:b");
  CHECK(info.at("empty") == "");
  CHECK(info.size() == 3);
  CHECK(parse_info("").empty());
}
