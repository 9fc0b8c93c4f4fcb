#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "components/redis/place/kubernetes/server_files.hpp"

namespace raibid::server_files_test {

using nlohmann::json;

TEST_CASE("what a server is held against is what helm made of all values") {
  const RedisNames names("jobs", "apps");
  const auto configuration = [](const json& data) {
    return json{{"kind", "ConfigMap"}, {"metadata", {{"name", "jobs-redis-configuration"}}}, {"data", data}};
  };
  const json other = {{"kind", "ConfigMap"}, {"metadata", {{"name", "other"}}}, {"data", {{"redis.conf", "hz 10"}}}};
  CHECK_FALSE(server_files(json::array({other}), names).directives);
  CHECK_FALSE(server_files(json::array(), names).has_acl);

  const ServerFiles embedded = server_files(
      json::array({other, configuration({{"redis.conf", "port 6379\naclfile /etc/redis/users.acl\nmaxmemory 1gb\n"}})}),
      names);
  CHECK(embedded.directives == Directives{{"port", "6379"}, {"maxmemory", "1gb"}});
  CHECK(embedded.has_acl);

  const ServerFiles bitnami = server_files(
      json::array({configuration({{"redis.conf", "maxmemory 1gb"}, {"master.conf", "dir /data\nmaxmemory 2gb\n"}})}),
      names);
  CHECK(bitnami.directives == Directives{{"maxmemory", "1gb"}, {"maxmemory", "2gb"}});
  CHECK_FALSE(bitnami.has_acl);
}

}  // namespace raibid::server_files_test
