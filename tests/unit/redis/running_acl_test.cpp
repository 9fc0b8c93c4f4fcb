#include <doctest/doctest.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/server/running_acl.hpp"
#include "fakes/fake_redis.hpp"
#include "sys/random.hpp"

namespace raibid::running_acl_test {

namespace {

const Secret file(acl_file(Secret("a-password"), Secret("of-the-exporter")));

/// As Redis 7 lists the users of that file.
std::vector<std::string> listed() {
  return {"user default on sanitize-payload #" + sha256_hex("a-password") + " ~* &* +@all",
          "user exporter on sanitize-payload #" + sha256_hex("of-the-exporter") +
              " ~* resetchannels -@all +cluster|info +config|get +hlen +info +latency|latest +latency|histogram +llen "
              "+ping +scard +select +slowlog|get +slowlog|len +type +xinfo|consumers +xinfo|groups +xinfo|stream +xlen "
              "+zcard +client|setname",
          "user health on nopass sanitize-payload resetchannels -@all +ping"};
}

/// A server with these users; ACL SETUSER replaces one.
struct Server {
  std::vector<std::string> users = listed();
  std::vector<std::string> set;
  bool takes_orders = true;
  FakeRedis redis{[this](const std::string& command) {
    if (command == "ACL LIST") {
      std::vector<RedisReply> items;
      for (const std::string& user : users) items.push_back(FakeRedis::text(user));
      return FakeRedis::list(items);
    }
    const std::string prefix = "ACL SETUSER ";
    set.push_back(command);
    const std::string rest = command.substr(prefix.size());
    const std::string name = rest.substr(0, rest.find(' '));
    if (takes_orders) {
      std::erase_if(users, [&](const std::string& user) { return user.starts_with("user " + name + " "); });
      users.push_back("user " + rest);
    }
    return FakeRedis::status("OK");
  }};
  std::unique_ptr<RedisConnection> connection = redis.connect({"", 0}, {});

  std::string& user(const std::string& name) {
    return *std::find_if(users.begin(), users.end(),
                         [&](const std::string& one) { return one.starts_with("user " + name + " "); });
  }
  std::vector<std::string> texts() {
    std::vector<std::string> all;
    for (const AclDifference& one : acl_differences(*connection, file)) all.push_back(one.text);
    return all;
  }
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("the users of a server that has read users.acl do not differ from it") {
  Server server;
  CHECK(server.texts() == Texts{});
  // Redis 6.2 shows no sanitize-payload, and channels only when there are some
  for (std::string& user : server.users) {
    const std::size_t at = user.find(" sanitize-payload");
    if (at != std::string::npos) user.erase(at, std::string(" sanitize-payload").size());
    if (const std::size_t channels = user.find(" resetchannels"); channels != std::string::npos)
      user.erase(channels, std::string(" resetchannels").size());
  }
  CHECK(server.texts() == Texts{});
  CHECK(settle_acl(*server.connection, file).empty());
  CHECK(server.set.empty());
}

TEST_CASE("a user with other rights is named without a secret, and put right") {
  Server server;
  server.user("health") = "user health on nopass sanitize-payload ~* resetchannels +@all";
  server.user("default") += " #" + sha256_hex("another");
  const Texts expected{"user default has other passwords",
                       "user health may run +@all instead of -@all +ping, has the keys ~* instead of none"};
  CHECK(server.texts() == expected);
  CHECK(settle_acl(*server.connection, file) == expected);
  CHECK(server.set == Texts{"ACL SETUSER default reset on #" + sha256_hex("a-password") + " ~* &* +@all",
                            "ACL SETUSER health reset on nopass resetchannels -@all +ping"});
  CHECK(server.texts() == Texts{});
}

TEST_CASE("users that are off, gone or without a password are named") {
  Server server;
  server.user("health") = "user health off nopass resetchannels -@all +ping";
  server.user("default") = "user default on nopass ~* &* +@all";
  std::erase_if(server.users, [](const std::string& user) { return user.starts_with("user exporter"); });
  CHECK(server.texts() ==
        Texts{"user default needs no password", "user exporter does not exist", "user health is off instead of on"});
  CHECK(settle_acl(*server.connection, file).size() == 3);
  CHECK(server.texts() == Texts{});
}

TEST_CASE("the exporter keeps the password that it was started with") {
  Server server;
  const std::string own = sha256_hex("of-an-older-secret");
  std::string& exporter = server.user("exporter");
  exporter.replace(exporter.find('#') + 1, own.size(), own);
  CHECK(server.texts() == Texts{});
  exporter += " +get";
  CHECK(settle_acl(*server.connection, file).size() == 1);
  REQUIRE(server.set.size() == 1);
  CHECK(server.set[0].starts_with("ACL SETUSER exporter reset on #" + own + " "));
}

TEST_CASE("a user that the file does not have is named and left alone") {
  Server server;
  server.users.push_back("user guest on nopass ~* &* +@all");
  const auto differences = acl_differences(*server.connection, file);
  REQUIRE(differences.size() == 1);
  CHECK(differences[0].unknown);
  CHECK(differences[0].text == "user guest was added to the running server");
  CHECK(settle_acl(*server.connection, file).empty());
  CHECK(server.set.empty());
}

TEST_CASE("a server that keeps other rights is an error") {
  Server server;
  server.takes_orders = false;
  server.user("health") += " +get";
  CHECK_THROWS_AS(settle_acl(*server.connection, file), Error);
}

}  // namespace raibid::running_acl_test
