// What several nodes on this machine start with (src/components/redis/place/local/local_nodes_files.cpp).
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "components/redis/place/local/local_nodes.hpp"
#include "fakes/fake_desk.hpp"
#include "support/redis_settings.hpp"

using namespace raibid;
using namespace raibid::test;

namespace raibid::local_nodes_test {

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct Fixture {
  FakeDesk desk;
  LocalInstance instance;

  Fixture() : instance(with_home(desk.context), "jobs") {}

  static const Context& with_home(Context& context) {
    context.paths.home = "/home/a user/.raibid";
    return context;
  }
};

TEST_CASE("several nodes on this machine: all start with the directives of the pods, which the preset's beat") {
  Fixture here;
  const std::string conf = nodes_conf(here.instance, 6380, redis_settings_of({{"ha", "true"}, {"target", "local"}}));
  INFO(conf);
  CHECK(says(conf, "\nmin-replicas-to-write 1\nmin-replicas-max-lag 3\n"));
  CHECK(says(conf, "\ninclude \"/home/a user/.raibid/local/jobs/replication.conf\"\n"));
  CHECK(says(conf, "\naclfile \"/home/a user/.raibid/local/jobs/users.acl\"\n"));
  CHECK(says(conf, "\nport 6380\n"));
  CHECK(conf.find("min-replicas-to-write") < conf.find("appendonly"));
  CHECK_FALSE(says(conf, "\ndir "));  // each has its own
}

TEST_CASE("several nodes on this machine: with TLS no plain port is open") {
  Fixture here;
  const RedisSettings settings =
      redis_settings_of({{"ha", "true"}, {"target", "local"}, {"tls", "true"}, {"tls-client-certs", "true"}});
  const std::string conf = nodes_conf(here.instance, 6380, settings);
  INFO(conf);
  CHECK(says(conf, "\nport 0\ntls-port 6380\n"));
  CHECK(says(conf, "\ntls-replication yes\n"));
  const std::string script = start_script(here.instance, 6380, 26380, settings);
  INFO(script);
  CHECK(says(script, "\nport 0\ntls-port 26380\n"));
  CHECK(says(script, "to_others='--tls --cacert tls/ca.crt --cert tls/tls.crt --key tls/tls.key'"));
  const std::string proxy = proxy_conf(6379, 6380, settings);
  INFO(proxy);
  CHECK(says(proxy, "check-ssl verify none crt client.pem"));
}

TEST_CASE(
    "several nodes on this machine: the start script knows where they are, and is the chart's own from there on") {
  Fixture here;
  const RedisSettings settings = redis_settings_of({{"ha", "true"}, {"replicas", "4"}, {"target", "local"}});
  const std::string script = start_script(here.instance, 6380, 26380, settings);
  INFO(script);
  CHECK(says(script, "cd '/home/a user/.raibid/local/jobs' || exit\n"));
  CHECK(says(script, "\nnodes=5\nset=mymaster\nquorum=3\n"));
  CHECK(says(script, "\nredis_port=6380\nsentinel_port=26380\n"));
  CHECK(says(script, "\nauth=yes\n"));
  CHECK(says(script, "choose_master() {"));
}

TEST_CASE("several nodes on this machine: HAProxy's configuration leads to all nodes, and nothing in it is left open") {
  const RedisSettings settings = redis_settings_of({{"ha", "true"}, {"target", "local"}});
  const std::string conf = proxy_conf(6379, 6380, settings);
  INFO(conf);
  CHECK(says(conf, "    bind 127.0.0.1:6379\n"));
  CHECK(says(conf,
             "    server node0 127.0.0.1:6380\n    server node1 127.0.0.2:6380\n    server node2 127.0.0.3:6380\n"));
  CHECK(says(conf, "tcp-check send \"AUTH health -\\r\\nROLE\\r\\n\""));
  CHECK_FALSE(says(conf, "{{"));
  CHECK_FALSE(says(conf, "8404"));  // probes are Kubernetes'
  const std::string open = proxy_conf(6379, 6380, redis_settings_of({{"ha", "true"}, {"no-auth", "true"}}));
  CHECK(says(open, "tcp-check send \"ROLE\\r\\n\""));
}

}  // namespace raibid::local_nodes_test
