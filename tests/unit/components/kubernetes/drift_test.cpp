#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "components/kubernetes/drift.hpp"
#include "components/kubernetes/release_state.hpp"

namespace raibid::drift_test {

using nlohmann::json;

namespace {

const ReleaseName release{"jobs", "apps"};

json object(const std::string& kind, const std::string& name, json spec, const std::string& version = "v1") {
  return {{"apiVersion", version}, {"kind", kind}, {"metadata", {{"name", name}}}, {"spec", std::move(spec)}};
}

/// As Helm has made it.
json live_of(const json& wanted) {
  json live = as_helm_applies(wanted, release);
  live["metadata"]["namespace"] = "apps";
  live["metadata"]["uid"] = "some-uid";
  return live;
}

std::vector<std::string> paths(const json& wanted, const json& live) {
  std::vector<std::string> all;
  for (const FieldDifference& field : compare_object(wanted, live)) all.push_back(field.path);
  return all;
}

using Paths = std::vector<std::string>;

json container(const std::string& name, const std::string& image) { return {{"name", name}, {"image", image}}; }

json workload(json pod_spec) {
  return object("StatefulSet", "jobs-redis-master", {{"template", {{"spec", std::move(pod_spec)}}}}, "apps/v1");
}

}  // namespace

TEST_CASE("only what the manifest sets is compared") {
  const json wanted = object("Service", "s", {{"type", "ClusterIP"}});
  json live = live_of(wanted);
  live["spec"]["clusterIP"] = "10.0.0.7";
  live["spec"]["sessionAffinity"] = "None";
  live["metadata"]["labels"]["team"] = "a";
  live["status"] = {{"loadBalancer", json::object()}};
  CHECK(paths(wanted, live) == Paths{});
  live["spec"]["type"] = "NodePort";
  CHECK(paths(wanted, live) == Paths{"spec.type"});
}

TEST_CASE("what the API server writes in another way is no difference") {
  const json wanted = workload(
      {{"securityContext", json::object()},
       {"hostNetwork", false},
       {"tolerations", json::array()},
       {"priorityClassName", ""},
       {"nodeSelector", nullptr},
       {"containers",
        {{{"name", "redis"},
          {"readinessProbe", {{"initialDelaySeconds", 0}, {"periodSeconds", 10}}},
          {"resources",
           {{"requests", {{"cpu", 0.5}, {"memory", "1024Mi"}}}, {"limits", {{"cpu", "2"}, {"memory", "1e9"}}}}},
          {"volumeMounts", {{{"name", "data"}, {"mountPath", "/data"}}, {{"name", "data"}, {"mountPath", "/more"}}}},
          {"ports", {{{"name", "redis"}, {"containerPort", 6379}}}}}}}});
  json live = live_of(wanted);
  json& spec = live["spec"]["template"]["spec"];
  for (const char* key : {"securityContext", "hostNetwork", "tolerations", "priorityClassName", "nodeSelector"})
    spec.erase(key);
  json& redis = spec["containers"][0];
  redis["readinessProbe"].erase("initialDelaySeconds");
  redis["resources"] = {{"requests", {{"cpu", "500m"}, {"memory", "1Gi"}}}, {"limits", {{"cpu", 2}, {"memory", "1G"}}}};
  redis["ports"][0]["protocol"] = "TCP";
  std::swap(redis["volumeMounts"][0], redis["volumeMounts"][1]);
  CHECK(paths(wanted, live) == Paths{});
  redis["resources"]["requests"]["cpu"] = "499m";
  redis["resources"]["limits"]["memory"] = "1Gi";
  CHECK(paths(wanted, live) == Paths{"spec.template.spec.containers[redis].resources.limits.memory",
                                     "spec.template.spec.containers[redis].resources.requests.cpu"});
}

TEST_CASE("lists of named things are compared by name, others item by item") {
  const json wanted = workload({{"containers", {container("redis", "redis:7"), container("metrics", "exporter:1")}},
                                {"imagePullSecrets", json::array()}});
  json live = live_of(wanted);
  json& containers = live["spec"]["template"]["spec"]["containers"];
  containers = {container("sidecar", "mesh:3"), container("metrics", "exporter:1"), container("redis", "redis:6")};
  const auto differences = compare_object(wanted, live);
  REQUIRE(differences.size() == 1);
  CHECK(differences[0].path == "spec.template.spec.containers[redis].image");
  CHECK(differences[0].live == "redis:6");
  CHECK(differences[0].wanted == "redis:7");
  containers.erase(1);
  CHECK(paths(wanted, live) ==
        Paths{"spec.template.spec.containers[redis].image", "spec.template.spec.containers[metrics]"});

  const json command = workload({{"command", {"sh", "start.sh"}}});
  json other = live_of(command);
  other["spec"]["template"]["spec"]["command"] = {"sh", "start.sh", "--more"};
  CHECK(paths(command, other) == Paths{"spec.template.spec.command"});
}

TEST_CASE("a selector or a NetworkPolicy that has more than the manifest is a difference") {
  const json service = object("Service", "s", {{"selector", {{"app", "redis"}}}});
  json elsewhere = live_of(service);
  elsewhere["spec"]["selector"]["never"] = "there";
  CHECK(paths(service, elsewhere) == Paths{"spec.selector.never"});

  const json from = {{"namespaceSelector", json::object()}};
  const json rule = {{"ports", {{{"port", 6379}}}}, {"from", {from}}};
  const json policy =
      object("NetworkPolicy", "p", {{"podSelector", {{"matchLabels", {{"app", "redis"}}}}}, {"ingress", {rule}}},
             "networking.k8s.io/v1");
  json live = live_of(policy);
  live["spec"]["ingress"][0]["ports"][0]["protocol"] = "TCP";
  CHECK(paths(policy, live) == Paths{});
  json wider = live;
  wider["spec"]["ingress"].push_back(json::object());
  CHECK(paths(policy, wider) == Paths{"spec.ingress"});
  json narrower = live;
  narrower["spec"]["ingress"][0]["from"][0]["namespaceSelector"]["matchLabels"] = {{"team", "a"}};
  CHECK(paths(policy, narrower) == Paths{"spec.ingress[0].from[0].namespaceSelector.matchLabels"});
  json more_ports = live;
  more_ports["spec"]["ingress"][0]["ports"][0]["endPort"] = 7000;
  CHECK(paths(policy, more_ports) == Paths{"spec.ingress[0].ports[0].endPort"});
}

TEST_CASE("a difference is told in plain words, and a Secret's values are not told") {
  json configuration = {{"apiVersion", "v1"},
                        {"kind", "ConfigMap"},
                        {"metadata", {{"name", "jobs-redis-configuration"}}},
                        {"data", {{"redis.conf", "save \"\"\nmaxmemory 1gb\n"}}}};
  json secret = {
      {"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", {{"name", "own"}}}, {"data", {{"key", "aGlkZGVu"}}}};
  const json service = object("Service", "jobs-redis-master", {{"type", "ClusterIP"}});
  const json set = workload({{"containers", {container("redis", "redis:7")}}});
  const json manifest = {configuration, secret, service, set};
  json live = json::array();
  CHECK(compare_release(manifest, live, release).size() == 4);
  live = {live_of(configuration), live_of(secret), live_of(set)};
  live[0]["data"]["redis.conf"] = "save \"\"\nmaxmemory 2gb\n";
  live[1]["data"]["key"] = "b3RoZXI=";
  live[2]["spec"]["template"]["spec"]["containers"][0]["image"] = "redis:6";
  std::vector<std::string> lines;
  for (const Drift& drift : compare_release(manifest, live, release)) {
    for (const std::string& line : drift.lines()) lines.push_back(line);
    CHECK(drift.replaces_pods() == (drift.object == "StatefulSet jobs-redis-master"));
  }
  CHECK(lines == std::vector<std::string>{
                     "ConfigMap jobs-redis-configuration: data[redis.conf] differs from the release",
                     "Secret own: data[key] differs from the release", "Service jobs-redis-master is missing",
                     "StatefulSet jobs-redis-master: containers[redis].image is redis:6, the release has redis:7"});
}

TEST_CASE("an object that someone else has now is told apart") {
  const json service = object("Service", "jobs-redis-master", {{"type", "ClusterIP"}});
  const auto owner = [&](const json& live) {
    const auto drift = compare_release(json::array({service}), json::array({live}), release);
    return drift.empty() ? "" : drift.at(0).owner;
  };
  json live = live_of(service);
  CHECK(owner(live).empty());
  json adopted = live;
  adopted["metadata"]["annotations"]["meta.helm.sh/release-name"] = "other";
  CHECK(owner(adopted) == "Helm release other in namespace apps");
  json owned = live;
  owned["metadata"]["ownerReferences"] = {{{"kind", "RedisCluster"}, {"name", "main"}}};
  CHECK(owner(owned) == "RedisCluster main");
  json argo = live;
  argo["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = "shop:/Service:apps/jobs";
  CHECK(owner(argo) == "Argo CD (shop:/Service:apps/jobs)");
  json flux = live;
  flux["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] = "shop";
  CHECK(owner(flux) == "Flux (shop)");
  json by_hand = live;
  by_hand["metadata"].erase("annotations");
  CHECK(owner(by_hand) == "a different owner (it has no Helm annotation)");
}

TEST_CASE("an object of the same name in another group or namespace is another one") {
  const json policy = object("NetworkPolicy", "p", json::object(), "networking.k8s.io/v1");
  json live = live_of(policy);
  CHECK(find_object(json::array({live}), policy, release) != nullptr);
  live["apiVersion"] = "networking.k8s.io/v2";  // the server may answer in another version
  CHECK(find_object(json::array({live}), policy, release) != nullptr);
  live["apiVersion"] = "crd.projectcalico.org/v1";
  CHECK(find_object(json::array({live}), policy, release) == nullptr);
  live = live_of(policy);
  live["metadata"]["namespace"] = "other";
  CHECK(find_object(json::array({live}), policy, release) == nullptr);
}

TEST_CASE("a manifest's documents are read as Helm reads them") {
  const json objects = ReleaseState::objects_of(
      "---\n# Source: redis/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  text: "
      "|\n    --- no end\n"
      "    mode\n---\n# nothing\n---\nkind: StatefulSet\nspec:\n  defaultMode: 0440\n");
  REQUIRE(objects.size() == 2);
  CHECK(objects[0]["data"]["text"] == "--- no end\nmode\n");
  CHECK(objects[1]["spec"]["defaultMode"] == 288);
}

}  // namespace raibid::drift_test
