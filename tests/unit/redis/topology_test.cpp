#include "components/redis/server/topology.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <map>

#include "components/redis/place/kubernetes/conversion.hpp"
#include "components/redis/place/kubernetes/unlike_pods.hpp"
#include "components/redis/server/node_users.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/settings/topology.hpp"
#include "components/redis/settings/values.hpp"
#include "fakes/fake_redis.hpp"
#include "fakes/fake_runner.hpp"
#include "support/redis_settings.hpp"
#include "support/thrown.hpp"
#include "support/topologies.hpp"
#include "sys/random.hpp"

namespace raibid::topology_test {

using namespace raibid::test;
using nlohmann::json;

namespace {

Error refusal(const std::vector<Given>& given, const Preset& preset = job_queue_preset()) {
  Error error = error_of([&] { redis_settings_of(given, preset); });
  CHECK(error.code() == ExitCode::usage);
  CHECK_FALSE(error.hint().empty());
  return error;
}

json values_with(const std::vector<Given>& given) {
  const RedisSettings settings = redis_settings_of(given);
  return json::parse(helm_values(settings, RedisNames(settings.release, settings.name_space), false).dump());
}

std::string troubles(const Topology& topology) {
  return trouble_of_nodes(topology) + "|" + trouble_of_sentinels(topology) + "|" + trouble_of_proxies(topology);
}

std::vector<std::string> failed_checks(const Topology& topology) {
  HealthReport report;
  examine_topology(topology, "kubectl logs", report);
  std::vector<std::string> failed;
  for (const Check& check : report.checks()) {
    if (!check.passed) failed.push_back(check.name + ": " + check.text);
  }
  return failed;
}

}  // namespace

TEST_CASE("--ha: three nodes, or five; what goes with nothing else") {
  CHECK(redis_settings_of({}).nodes() == 1);
  CHECK(redis_settings_of({{"ha", "true"}}).nodes() == 3);
  CHECK(redis_settings_of({{"ha", "true"}, {"replicas", "4"}}).nodes() == 5);
  CHECK(sentinel_quorum(3) == 2);
  CHECK(sentinel_quorum(5) == 3);
  CHECK(has(refusal({{"ha", "true"}, {"replicas", "3"}}).message(), "odd number"));
  CHECK(has(refusal({{"replicas", "2"}}).message(), "needs --ha"));
  CHECK(has(refusal({{"ha", "true"}, {"no-persistence", "true"}}).message(), "empties its replicas"));
  CHECK(has(refusal({{"ha", "true"}, {"chart", "bitnami"}}).message(), "withdrawn"));
  CHECK(has(refusal({{"ha", "true"}, {"tls", "true"}, {"tls-migrate", "true"}}).message(), "one port"));
  CHECK(has(refusal({{"ha", "true"}, {"tls-issuer", "ca"}}).message(), "one node alone"));
  CHECK(has(refusal({{"ha", "true"}, {"existing-secret", "raibid-redis"}}).message(), "the Secret of the release"));
  CHECK(redis_settings_of({{"ha", "true"}, {"existing-secret", "store"}}).ha());
  CHECK(redis_settings_of({{"ha", "true"}, {"tls-client-certs", "true"}}).ha());
  CHECK(redis_settings_of({{"ha", "true"}, {"target", "local"}}).nodes() == 3);
  CHECK(has(refusal({{"ha", "true"}, {"target", "local"}, {"no-persistence", "true"}}).message(),
            "empties its replicas"));
  CHECK(has(refusal({{"set", "architecture=replication"}}).message(), "decided by raibid-cli"));
  Preset preset = job_queue_preset();
  preset.redis.emplace_back("replicaof", "10.0.0.1 6379");
  CHECK(has(refusal({{"ha", "true"}}, preset).message(), "replicaof"));
}

TEST_CASE("a preset's ha holds where it can") {
  const Given of_preset{"ha", "true", "preset mine", Source::preset};
  CHECK(redis_settings_of({of_preset}).ha());
  CHECK_FALSE(redis_settings_of({of_preset, {"target", "local"}}).ha());
  CHECK_FALSE(redis_settings_of({of_preset, {"no-persistence", "true"}}).ha());
}

TEST_CASE("the record keeps the nodes, and says nothing of them where there is one") {
  const Spec spec = spec_of(redis_settings_of({{"ha", "true"}, {"replicas", "4"}, {"proxy-image", "haproxy:2.6"}}));
  CHECK(spec.replicas == 4);
  CHECK(parse_spec(to_json(spec)) == spec);
  CHECK_FALSE(has(to_json(spec_of(redis_settings_of({}))), "replicas"));
  CHECK_FALSE(has(to_json(spec_of(redis_settings_of({}))), "proxy"));
  CHECK_THROWS_AS(parse_spec(R"({"preset":"a","replicas":-1})"), Error);
  CHECK_THROWS_AS(parse_spec(R"({"preset":"a","replicas":"2"})"), Error);
}

TEST_CASE("values with --ha") {
  const json values =
      values_with({{"ha", "true"}, {"proxy-image", "mirror.local/haproxy:2.6"}, {"allow-from", "jobs"}});
  CHECK(values["architecture"] == "replication");
  CHECK(values["replica"] == json{{"replicaCount", 3}});
  CHECK(values["sentinel"] == json{{"quorum", 2}});
  CHECK(values["proxy"]["image"] == json{{"registry", "mirror.local"}, {"repository", "haproxy"}, {"tag", "2.6"}});
  CHECK(values["networkPolicy"]["extraIngress"][0]["ports"] == json{{{"port", 6379}}, {{"port", 26379}}});
  CHECK(values_with({{"ha", "true"}, {"replicas", "4"}})["sentinel"] == json{{"quorum", 3}});
  CHECK_FALSE(values_with({}).contains("replica"));
}

TEST_CASE("a further name of a Redis with replicas leads to the proxies, not to a node") {
  Preset preset = job_queue_preset();
  preset.services = {"cache"};
  const RedisSettings settings = redis_settings_of({{"ha", "true"}}, preset);
  const json service = json::parse(
      helm_values(settings, RedisNames(settings.release, settings.name_space), false).dump())["extraDeploy"][0];
  CHECK(service["spec"]["selector"]["app.kubernetes.io/name"] == "redis-proxy");
  CHECK_FALSE(service["spec"].contains("publishNotReadyAddresses"));
}

TEST_CASE("status: how pods are spread over the cluster's nodes") {
  const auto spread = [](std::vector<std::string> places, bool accepted = false) {
    Topology topology = healthy();
    for (std::size_t node = 0; node < places.size(); ++node) topology.nodes[node].where = places[node];
    HealthReport report;
    examine_spread(
        topology, accepted, [](const std::string& pod) { return "delete " + pod; }, report);
    return report.checks().empty() ? Check{} : report.checks().front();
  };
  CHECK(spread({"a", "b", "c"}).text == "3 pods on 3 nodes");
  CHECK_FALSE(spread({"a", "b", "c"}).warning);
  const Check one = spread({"a", "a", "a"});
  CHECK(one.passed);
  CHECK(one.warning);
  CHECK(one.text == "all 3 pods run on a: its loss takes all of them");
  CHECK(one.reason == CheckReason::on_one_node);
  CHECK_FALSE(spread({"a", "a", "a"}, true).warning);
  const Check two = spread({"b", "a", "a"});
  CHECK(two.warning);
  CHECK(two.text == "2 of 3 pods run on a: without it nothing can be written");
  CHECK(has(two.hint, "delete redis-master-1"));
  CHECK(has(spread({"a", "a", "b"}).hint, "delete redis-master-1"));  // never the master
  CHECK(spread({"a", "", "b"}).text.empty());                         // not known of all
}

TEST_CASE("status: replicas that another chart has made, with no sentinel and no proxy") {
  Topology topology = healthy();
  topology.fails_over = false;
  topology.proxies.clear();
  for (ServerNode& node : topology.nodes) node.sentinel = {};
  CHECK(failed_checks(topology).empty());
  nlohmann::ordered_json data;
  add_topology_data(topology, data);
  CHECK(data["nodes"].size() == 3);
  CHECK(data["sentinels"].empty());
  CHECK(data["proxies"].empty());
  topology.nodes[2].link = "down";
  topology.nodes[2].down_seconds = 60;
  CHECK(failed_checks(topology) == std::vector<std::string>{"replica: redis-master-2 has lost its master since 60 s"});
}

TEST_CASE("names of nodes") {
  const RedisNames names("raibid-redis", "jobs");
  CHECK(names.pod_of(2) == "raibid-redis-master-2");
  CHECK(names.claim_of(0) == names.claim);
  CHECK(names.node_of("raibid-redis-master-2") == 2);
  CHECK(names.node_of("redis-data-raibid-redis-master-4") == 4);
  CHECK(names.node_of("raibid-redis-master-x") == -1);
  CHECK(names.way_to_master(false) == "raibid-redis-master-0");
  CHECK(names.way_to_master(true) == "deployment/raibid-redis-proxy");
}

TEST_CASE("the users of nodes: once, beside the others, and no password stands where it could be read") {
  const Secret internal("internal-password-of-32-characters");
  const SecretContent before = secret_content(Secret("application"), Secret("exporter"));
  const SecretContent content = with_node_users(before, internal);
  const std::string acl = value_of(content, acl_key).reveal();
  CHECK(has(acl, "user health on nopass resetchannels -@all +ping +role\n"));
  CHECK(has(acl, "user replica on #"));
  CHECK(has(acl, "user sentinel on #"));
  CHECK(has(acl, "user exporter on #"));
  CHECK_FALSE(has(acl, internal.reveal()));
  CHECK(with_node_users(content, internal) == content);
  CHECK(value_of(content, replication_conf_key).reveal() ==
        "masteruser replica\nmasterauth " + internal.reveal() + "\n");
  const std::string sentinel = value_of(content, sentinel_conf_key).reveal();
  CHECK(has(sentinel, "user default on #" + sha256_hex("application") + " "));
  CHECK_FALSE(has(sentinel, "application\n"));
  CHECK_FALSE(has(sentinel.substr(0, sentinel.find('\n')), "failover"));
  CHECK(sentinel_login(content).username == "sentinel");
  CHECK(sentinel_login(before).password.empty());
  // a change of the application's user leaves them alone
  UserSpec user;
  user.name = "app";
  user.commands = {"get"};
  CHECK(has(value_of(with_application_user(content, user, Secret("admin")), acl_key).reveal(), "user replica on #"));
}

TEST_CASE("what several nodes say: healthy") {
  const Topology topology = healthy();
  CHECK(troubles(topology) == "||");
  CHECK(failed_checks(topology).empty());
  CHECK(describe_nodes(topology) == "3 nodes in sync · master redis-master-0");
  CHECK(describe_sentinels(topology) == "3 of 3 agree, epoch 4");
  CHECK(describe_proxies(topology) == "2 proxies lead to the master");
  nlohmann::ordered_json data;
  add_topology_data(topology, data);
  CHECK(data["master"] == "redis-master-0");
  CHECK(data["nodes"][1]["role"] == "replica");
  CHECK(data["nodes"][1]["bytes_behind"] == 0);
  CHECK(data["sentinels"][2]["master"] == "redis-master-0");
  CHECK(data["proxies"][0]["leads_to_master"] == true);
}

TEST_CASE("what several nodes say: each trouble by its name") {
  Topology topology = healthy();
  SUBCASE("no master") {
    topology.nodes[0].role = "slave";
    CHECK(trouble_of_nodes(topology) == "no node is the master");
    CHECK(failed_checks(topology).front() == "master: no node is the master");
  }
  SUBCASE("two masters") {
    topology.nodes[2].role = "master";
    CHECK(trouble_of_nodes(topology) == "several nodes are masters: redis-master-0, redis-master-2");
    nlohmann::ordered_json data;
    add_topology_data(topology, data);
    CHECK(data["master"].is_null());
  }
  SUBCASE("a replica cannot be reached") {
    topology.nodes[1].why = "no such pod";
    CHECK(failed_checks(topology) ==
          std::vector<std::string>{"replica: redis-master-1 cannot be reached: no such pod"});
  }
  SUBCASE("a replica follows another") {
    topology.nodes[1].master_address = "10.0.0.2";
    CHECK(trouble_of_nodes(topology) == "redis-master-1 follows redis-master-2, not redis-master-0");
  }
  SUBCASE("a link is down for a moment: setup waits, status does not complain") {
    topology.nodes[1].link = "down";
    topology.nodes[1].down_seconds = 3;
    CHECK(trouble_of_nodes(topology) == "redis-master-1 has lost its master since 3 s");
    CHECK(failed_checks(topology).empty());
    topology.nodes[1].down_seconds = 11;
    CHECK(failed_checks(topology).size() == 1);
  }
  SUBCASE("a replica is being sent the data") {
    topology.nodes[2].syncing = true;
    CHECK(failed_checks(topology) == std::vector<std::string>{"replica: redis-master-2 is being sent the data"});
  }
  SUBCASE("sentinels") {
    topology.nodes[1].sentinel.master_address = "10.0.0.2";
    CHECK(trouble_of_sentinels(topology) == "the sentinel of redis-master-1 takes redis-master-2 for the master");
    topology.nodes[1].sentinel = {"", "10.0.0.0", 4, false, "NOQUORUM 1 usable"};
    CHECK(has(trouble_of_sentinels(topology), "could not change the master: NOQUORUM"));
    topology.nodes[1].sentinel.why = "refused";
    CHECK(failed_checks(topology).front() == "sentinels: the sentinel of redis-master-1 cannot be asked: refused");
  }
  SUBCASE("proxies") {
    topology.proxies[1].run_id = "run-2";
    CHECK(trouble_of_proxies(topology) == "redis-proxy-b leads to another node than redis-master-0");
    topology.proxies[1].why = "closed";
    CHECK(has(trouble_of_proxies(topology), "nobody answers through redis-proxy-b"));
    topology.proxies.clear();
    CHECK(trouble_of_proxies(topology) == "there is no proxy");
  }
}

TEST_CASE("the users of nodes go again, and leave what was there before") {
  const SecretContent before = secret_content(Secret("application"), Secret("exporter"));
  CHECK(without_node_users(with_node_users(before, Secret("internal-password"))) == before);
  CHECK(without_node_users(before) == before);
}

TEST_CASE("while one node becomes several every name leads to pod 0, and the rest is as it will be") {
  Preset preset = job_queue_preset();
  preset.services = {"cache", "elsewhere/cache"};
  const RedisSettings settings = redis_settings_of({{"ha", "true"}}, preset);
  const RedisNames names(settings.release, settings.name_space);
  nlohmann::ordered_json values = helm_values(settings, names, false);
  keep_first_pod(values, names);
  CHECK(values["replica"]["joining"] == true);
  CHECK(values["replica"]["replicaCount"] == 3);
  const auto& selector = values["extraDeploy"][0]["spec"]["selector"];
  CHECK(selector["statefulset.kubernetes.io/pod-name"] == "raibid-redis-master-0");
  CHECK(selector["app.kubernetes.io/name"] == "redis");
  CHECK_FALSE(values["extraDeploy"][1]["spec"].contains("selector"));
  CHECK(selecting_services(settings, names) == std::vector<std::string>{"raibid-redis-master", "cache"});
}

TEST_CASE("where several nodes stay, what they need stays, too") {
  FakeRunner runner;
  int restored = 0;
  bool stays = true;
  FakeRedis fake([](const std::string&) { return FakeRedis::status("OK"); });
  const auto redis = fake.connect({}, Duration(1000));
  UndoTable table;
  table["users.restore"] = [&](const auto&) { ++restored; };
  table[leave_replication_action] = [&](const auto&) {
    if (stays) throw Error(ExitCode::failure, "all 3 nodes stay");
  };
  add_conversion_undos(table, [&]() -> RedisConnection& { return *redis; });
  ConversionUndo undo;
  undo.release = "raibid-redis";
  undo.nodes = 3;
  undo.before = {{"repl-timeout", "60"}, {"masterauth", ""}};
  const Undo record = undo_conversion(Helm(runner, Cluster{}, "jobs"), undo);
  CHECK_THROWS_AS(table.at(record.action)(record.arguments), Error);
  CHECK(restored == 0);
  CHECK(fake.commands.empty());
  stays = false;
  table.at(record.action)(record.arguments);
  CHECK(restored == 1);
  CHECK(fake.commands == std::vector<std::string>{"CONFIG SET masterauth ", "CONFIG SET repl-timeout 60"});
}

TEST_CASE("nodes talk alike that mount the same certificate and know users, or do not") {
  const auto pod = [](const char* volumes) { return json{{"spec", {{"volumes", json::parse(volumes)}}}}; };
  const json users =
      pod(R"([{"name": "configuration", "projected": {"sources": [{"configMap": {}}, {"secret": {}}]}}])");
  const json no_users = pod(R"([{"name": "configuration", "projected": {"sources": [{"configMap": {}}]}}])");
  const json own = pod(R"([{"name": "tls", "secret": {"secretName": "raibid-redis-tls"}}])");
  const json mine = pod(R"([{"name": "tls", "secret": {"secretName": "mine"}}])");
  const json plain = pod(R"([{"name": "redis-data"}])");
  CHECK(way_to_talk(users) != way_to_talk(no_users));
  CHECK(way_to_talk(own) != way_to_talk(mine));
  CHECK(way_to_talk(own) != way_to_talk(plain));
  CHECK(way_to_talk(plain) == way_to_talk(json::object()));
  json renewed = own;
  renewed["metadata"]["annotations"]["raibid-cli/certificate-of"] = "another CA";
  CHECK(way_to_talk(own) != way_to_talk(renewed));
}

}  // namespace raibid::topology_test
