#include "components/redis/server/rotation.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include "components/redis/server/node_users.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/server/secret_problem.hpp"
#include "fakes/fake_random.hpp"
#include "support/thrown.hpp"
#include "sys/random.hpp"

namespace raibid::rotation_test {

namespace {

using namespace raibid::test;

const WallTime noon{std::chrono::seconds(1'800'000'000)};
const UserSpec worker{"worker", {"job:*"}, {}, {"get"}};

SecretContent with_all() {
  return secret_content(Secret("a-password"), Secret("of-the-exporter"), {Secret("of-trim"), {"jobs"}},
                        {worker, Secret("of-the-admin")});
}

std::string acl(const SecretContent& content) { return value_of(content, acl_key).reveal(); }

}  // namespace

TEST_CASE("rotation: both passwords hold, the new one is handed out, and finishing is the same as a new Secret") {
  const SecretContent before = secret_content(Secret("a-password"), Secret("of-the-exporter"));
  const SecretContent both = with_second_password(before, Secret("another"), noon);
  CHECK(value_of(both, password_key) == Secret("another"));
  CHECK(password_hashes(both) == std::vector{sha256_hex("another"), sha256_hex("a-password")});
  CHECK(rotated_at(both) == noon);
  CHECK_FALSE(rotated_at(before));
  CHECK(
      has(acl(both), "user default on #" + sha256_hex("another") + " #" + sha256_hex("a-password") + " ~* &* +@all\n"));
  const SecretContent done = with_one_password(both);
  CHECK_FALSE(rotated_at(done));
  SecretContent anew = secret_content(Secret("another"), Secret("of-the-exporter"));
  CHECK(done == anew);
}

TEST_CASE("rotation: of the application's own user, and nobody else's") {
  const SecretContent both = with_second_password(with_all(), Secret("another"), noon);
  CHECK(
      has(acl(both), "user worker on #" + sha256_hex("another") + " #" + sha256_hex("a-password") + " resetchannels"));
  CHECK(has(acl(both), "user default off ~* &* +@all\n"));
  CHECK(has(acl(both), "user admin on #" + sha256_hex("of-the-admin") + " ~* &* +@all\n"));
  CHECK(has(acl(both), "user health on nopass resetchannels -@all +ping\n"));
}

TEST_CASE(
    "rotation of the internal passwords: two of each, then one; an exporter that has not restarted keeps its own") {
  FakeRandom random;
  const SecretContent before = with_all();
  const SecretContent both = with_second_internal_passwords(before, random, noon);
  CHECK(value_of(both, password_key) == Secret("a-password"));
  CHECK(internal_rotated_at(both) == noon);
  for (const char* key : {admin_password_key, "trim-password", "exporter.json"}) {
    CAPTURE(key);
    CHECK(value_of(both, key) != value_of(before, key));
  }
  for (const char* old : {"of-the-admin", "of-the-exporter", "of-trim"}) CHECK(has(acl(both), "#" + sha256_hex(old)));
  CHECK(with_application_user(both, worker, value_of(both, admin_password_key)) == both);  // setup changes nothing
  const SecretContent waiting = with_one_internal_password(both, false);
  CHECK(internal_rotated_at(waiting) == noon);
  CHECK(has(acl(waiting), "#" + sha256_hex("of-the-exporter")));
  CHECK_FALSE(has(acl(waiting), "#" + sha256_hex("of-the-admin")));
  const SecretContent done = with_one_internal_password(waiting, true);
  CHECK_FALSE(internal_rotated_at(done));
  for (const char* old : {"of-the-admin", "of-the-exporter", "of-trim"})
    CHECK_FALSE(has(acl(done), "#" + sha256_hex(old)));
  CHECK(has(acl(done), "#" + sha256_hex(value_of(done, admin_password_key).reveal())));
}

TEST_CASE("rotation with several nodes: their files and sentinels have the passwords that the nodes have") {
  const auto two = [](const std::string& one, const std::string& other) {
    return "#" + sha256_hex(one) + " #" + sha256_hex(other);
  };
  const auto sentinels = [](const SecretContent& content) { return value_of(content, sentinel_conf_key).reveal(); };
  const SecretContent before = with_node_users(with_all(), Secret("of-the-nodes"));
  CHECK(with_node_files(before) == before);
  CHECK(with_node_files(with_all()) == with_all());
  const SecretContent both = with_second_password(before, Secret("another"), noon);
  CHECK(has(sentinels(both), "user default on " + two("another", "a-password") + " resetchannels"));
  CHECK(value_of(both, replication_conf_key) == value_of(before, replication_conf_key));
  const SecretContent one = with_one_password(both);
  CHECK_FALSE(has(sentinels(one), sha256_hex("a-password")));
  CHECK(sentinels(with_application_user(before, {"other", {"*"}, {}, {"get"}}, Secret("of-the-admin"))) ==
        sentinels(before));

  FakeRandom random;
  const SecretContent internal = with_second_internal_passwords(before, random, noon);
  const std::string next = value_of(internal, internal_password_key).reveal();
  REQUIRE(next != "of-the-nodes");
  for (const char* user : {"replica", "sentinel"})
    CHECK(has(acl(internal), fmt::format("user {} on {} resetchannels", user, two(next, "of-the-nodes"))));
  CHECK(has(sentinels(internal), "user sentinel on " + two(next, "of-the-nodes") + " &* +@all\n"));
  CHECK(has(sentinels(internal), "sentinel auth-pass mymaster " + next + "\n"));
  CHECK(has(sentinels(internal), "sentinel sentinel-pass " + next + "\n"));
  CHECK(value_of(internal, replication_conf_key).reveal() == "masteruser replica\nmasterauth " + next + "\n");
  const SecretContent done = with_one_internal_password(internal, true);
  CHECK_FALSE(has(acl(done) + sentinels(done), sha256_hex("of-the-nodes")));
  CHECK(with_node_files(done) == done);
}

TEST_CASE("a Secret that was changed by hand is known by its users.acl") {
  for (const SecretContent& content : {with_all(), secret_content(Secret("a-password"), Secret("of-the-exporter")),
                                       with_second_password(with_all(), Secret("another"), noon)}) {
    CHECK(secret_problem(content) == "");
    SecretContent changed = content;
    changed[password_key] = Secret("by-hand");
    CHECK(secret_problem(changed) == "redis-password is no password of users.acl");
    changed = content;
    changed[acl_key] = Secret("user someone on nopass ~* +@all\n");
    CHECK(has(secret_problem(changed), "users.acl has no user "));
  }
  SecretContent changed = with_all();
  changed[admin_password_key] = Secret("by-hand");
  CHECK(secret_problem(changed) == "admin-password is no password of users.acl");
  CHECK(secret_problem({}) == "");
}

TEST_CASE("rotation: connections from before, as CLIENT LIST tells of them") {
  const std::string list =
      "id=3 addr=10.42.0.9:50000 laddr=10.42.0.2:6379 name=worker-1 age=100 idle=0 user=default\n"
      "id=4 addr=10.42.0.9:50001 laddr=10.42.0.2:6379 name= age=10 idle=0 user=default\n"
      "id=5 addr=[fd00::1]:50002 laddr=10.42.0.2:6379 name= age=100 idle=0 user=default\n"
      "id=6 addr=10.42.0.9:50003 laddr=10.42.0.2:6379 name= age=100 idle=0 user=exporter\n"
      "garbage\nid=7 age=many user=default\n";
  const auto found = connections_before(list, "default", noon - std::chrono::seconds(50), noon);
  REQUIRE(found.size() == 2);
  CHECK(found[0].id == "3");
  CHECK(found[0].address == "10.42.0.9");
  CHECK(found[0].name == "worker-1");
  CHECK(found[1].address == "[fd00::1]");
}

}  // namespace raibid::rotation_test
