// Users and rotation on a real cluster: the Secret, the running server, and a client that works meanwhile.
#include <doctest/doctest.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "cluster/support.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"

namespace raibid::users_cluster_test {

using namespace raibid::test;
using nlohmann::json;

namespace {

class Users : public ClusterCli {
 public:
  Users() : ClusterCli("raibid-test-users") {}

  Output run(std::vector<std::string> arguments) {
    const auto end = std::find(arguments.begin(), arguments.end(), "--");
    arguments.insert(end, {"-n", "raibid-test-users"});
    return (*this)(arguments);
  }
  json secret() {
    return json::parse(kubectl({"get", "secret", "raibid-redis", "-n", "raibid-test-users", "-o", "json"})).at("data");
  }
  std::string pod_uid() {
    return kubectl(
        {"get", "pod", "raibid-redis-master-0", "-n", "raibid-test-users", "-o", "jsonpath={.metadata.uid}"});
  }
};

}  // namespace

TEST_CASE("users on a cluster: the application gets one of its own, and a rotation, without a restart") {
  Users cli;
  const Output made = cli.run({"setup", "redis"});
  INFO(said(made));
  REQUIRE(made.status == 0);
  CHECK_FALSE(cli.secret().contains("redis-username"));
  const std::string pod = cli.pod_uid();
  CHECK(cli.run({"setup", "redis", "--user", "worker"}).status == 2);
  const Output user = cli.run({"setup", "redis", "--user", "worker", "--yes"});
  INFO(said(user));
  REQUIRE(user.status == 0);
  CHECK(base64_decode(cli.secret().at("redis-username").get<std::string>()) == "worker");
  CHECK(cli.secret().contains("admin-password"));
  CHECK_FALSE(cli.secret().contains("previous-users"));
  CHECK(cli.run({"status"}).status == 0);
  CHECK(cli.run({"smoke", "redis"}).status == 0);
  CHECK(has(cli.run({"export", "keda"}).out, "username: \"worker\""));
  const std::string before = cli.secret().at("redis-password");
  const Output rotated = cli.run({"credentials", "rotate", "redis"});
  INFO(said(rotated));
  REQUIRE(rotated.status == 0);
  CHECK(cli.secret().at("redis-password") != before);
  for (const std::string& password : {before, cli.secret().at("redis-password").get<std::string>()}) {
    // straight to the server: both let in
    const Output ping = cli.run({"connect", "redis", "--", "sh", "-c",
                                 fmt::format("REDISCLI_AUTH=$(echo {} | base64 -d) redis-cli --user worker -h "
                                             "$REDIS_HOST -p $REDIS_PORT PING",
                                             password)});
    INFO(said(ping));
    CHECK(trim(ping.out) == "PONG");
  }
  CHECK(cli.run({"status"}).status == 0);
  REQUIRE(cli.run({"credentials", "rotate", "redis", "--finish", "--yes"}).status == 0);
  const Output refused = cli.run({"connect", "redis", "--", "sh", "-c",
                                  fmt::format("REDISCLI_AUTH=$(echo {} | base64 -d) redis-cli --user worker -h "
                                              "$REDIS_HOST -p $REDIS_PORT PING",
                                              before)});
  CHECK(has(refused.out + refused.err, "NOAUTH"));
  REQUIRE(cli.run({"credentials", "rotate", "redis", "--internal"}).status == 0);
  CHECK(cli.run({"status"}).status == 0);
  CHECK(cli.run({"smoke", "redis"}).status == 0);
  CHECK(cli.pod_uid() == pod);
  CHECK(has(cli.run({"setup", "redis"}).out, "Nothing changed"));
  // someone changes the password in the Secret, and then loses the Secret: Redis runs on, and knows nothing of it
  kubectl({"patch", "secret", "raibid-redis", "-n", "raibid-test-users", "-p",
           R"({"stringData":{"redis-password":"by-hand"}})"});
  const Output changed = cli.run({"status"});
  INFO(said(changed));
  CHECK(changed.status == 1);
  CHECK(has(changed.out, "Secret raibid-redis was changed by hand"));
  const Output back = cli.run({"setup", "redis"});
  INFO(said(back));
  CHECK(back.status == 0);
  CHECK(has(back.err, "put back what was changed by hand"));
  CHECK(cli.run({"status"}).status == 0);
  kubectl({"delete", "secret", "raibid-redis", "-n", "raibid-test-users"});
  CHECK(has(cli.run({"status"}).out, "Secret raibid-redis is gone"));
  const Output again = cli.run({"setup", "redis"});
  INFO(said(again));
  CHECK(again.status == 0);
  CHECK(cli.run({"status"}).status == 0);
  CHECK(cli.run({"smoke", "redis"}).status == 0);
  CHECK(cli.pod_uid() == pod);
}

}  // namespace raibid::users_cluster_test
