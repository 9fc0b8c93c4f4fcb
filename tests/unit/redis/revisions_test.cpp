#include <doctest/doctest.h>

#include "components/redis/settings/author.hpp"
#include "components/redis/settings/redis_releases.hpp"

namespace raibid::revisions_test {

TEST_CASE("revisions: a version is read from a tag, an image, or nothing") {
  CHECK(parse_redis_version("8.10.2") == RedisVersion{8, 10});
  CHECK(parse_redis_version("7-alpine") == RedisVersion{7, 0});
  CHECK(parse_redis_version("docker.io/library/redis:7.2-bookworm") == RedisVersion{7, 2});
  CHECK(parse_redis_version("localhost:5000/redis:v6.2.14") == RedisVersion{6, 2});
  CHECK_FALSE(parse_redis_version("latest"));
  CHECK_FALSE(parse_redis_version("redis:stable"));
  CHECK_FALSE(parse_redis_version(""));
}

TEST_CASE("revisions: what breaks between two versions, and nothing between one and itself or backwards") {
  CHECK(breaking_changes({7, 0}, {7, 0}).empty());
  CHECK(breaking_changes({8, 0}, {7, 0}).empty());
  const auto one = breaking_changes({7, 0}, {7, 2});
  REQUIRE(one.size() == 2);
  CHECK(one.front().since == RedisVersion{7, 2});
  const auto all = breaking_changes({6, 2}, {8, 10});
  CHECK(all.size() > one.size());
  CHECK(all.front().since == RedisVersion{7, 0});
  CHECK(all.back().since == RedisVersion{8, 0});
}

TEST_CASE("revisions: who made one, as a label of Kubernetes and for people") {
  CHECK(as_label_value("anna") == "anna");
  CHECK(as_label_value("rollback redis") == "rollback_redis");
  CHECK(as_label_value("anna@corp\\x") == "anna_corp_x");
  CHECK(as_label_value("-.a.-") == "a");
  CHECK(as_label_value("ä") == "");
  CHECK(as_label_value(std::string(100, 'x')).size() == 63);
  CHECK(Author{"anna", "box"}.text() == "anna@box");
  CHECK(Author{"", "box"}.text() == "?@box");
  CHECK(Author{}.text().empty());
  CHECK(this_author({{"SUDO_USER", "anna"}}).user == "anna");
}

}  // namespace raibid::revisions_test
