// The generated values in the charts themselves: the embedded one, which refuses what it does not know, and Bitnami's
// from a folder.
#include "components/redis/settings/values.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>

#include "assets/assets.hpp"
#include "assets/render.hpp"
#include "base/strings.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/settings/monitoring.hpp"
#include "config/yaml.hpp"
#include "support/cli.hpp"
#include "support/machine.hpp"
#include "support/redis_server.hpp"
#include "support/redis_settings.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "sys/unique_fd.hpp"

using namespace raibid;
using namespace raibid::test;
using nlohmann::json;

namespace {

/// What helm makes of a chart and the values for these settings, as "Kind/name".
std::map<std::string, json> render(const std::string& helm, const std::string& chart, const RedisSettings& settings) {
  const RedisNames names(settings.release, settings.name_space);
  const std::string values = helm_values(settings, names, true).dump();
  const std::string text = must({helm, "template", settings.release, chart, "-n", settings.name_space, "--api-versions",
                                 "monitoring.coreos.com/v1", "-f", "-"},
                                values);
  std::map<std::string, json> objects;
  for (std::size_t at = text.find("---\n"); at != std::string::npos;) {
    const std::size_t next = text.find("\n---\n", at + 4);
    const std::string document = text.substr(at + 4, next == std::string::npos ? next : next - at - 3);
    at = next == std::string::npos ? next : next + 1;
    const json object = json::parse(parse_yaml(document, "helm template").dump());
    if (object.is_object())
      objects[fmt::format("{}/{}", object["kind"].get<std::string>(), object["metadata"]["name"].get<std::string>())] =
          object;
  }
  CAPTURE(text);
  CHECK_FALSE(objects.empty());
  return objects;
}

struct Embedded {
  TemporaryDirectory folder{std::filesystem::temp_directory_path()};
  std::string chart = folder.path() / "redis";
  Embedded() { unpack_assets("charts/redis", chart); }
};

std::string bitnami_chart() {
  const char* const folder = std::getenv("RAIBID_TEST_BITNAMI_CHART");
  return folder == nullptr ? "" : folder;
}

/// Runs `test` for every Helm and both charts.
template <typename Test>
void for_each_chart(Test test) {
  const Embedded embedded;
  if (helm_programs().empty()) MESSAGE("skipped: no HELM3, no HELM4, no helm on PATH");
  for (const auto& [helm, major] : helm_programs()) {
    for (const std::string& chart : {embedded.chart, bitnami_chart()}) {
      if (chart.empty()) continue;
      CAPTURE(helm);
      CAPTURE(chart);
      test(helm, chart);
    }
  }
}

Preset full_preset() {
  Preset preset = job_queue_preset();
  preset.redis.emplace_back("notify-keyspace-events", "Ex");
  preset.streams.push_back({"{tenant}:{{jobs}}$(id)", {"it's"}, 0});
  preset.services = {"redis", "app/redis-service"};
  preset.security_context = {1000, 1000, 1000};
  return preset;
}

RedisSettings settings_for(const std::string& chart, std::vector<Given> given,
                           const Preset& preset = job_queue_preset()) {
  if (chart == bitnami_chart()) given.push_back({"chart", chart});
  return redis_settings_of(given, preset);
}

const json& container(const std::map<std::string, json>& objects, const std::string& workload, std::size_t number) {
  return objects.at("StatefulSet/" + workload).at("spec").at("template").at("spec").at("containers").at(number);
}

}  // namespace

TEST_CASE("values: both charts take them, whatever was asked") {
  const std::string digest = "sha256:" + std::string(64, 'a');
  const std::vector<std::vector<Given>> cases{
      {},
      {{"no-auth", "true"}, {"no-metrics", "true"}, {"no-persistence", "true"}},
      {{"image", "redis:7-alpine"}, {"exporter-image", "oliver006/redis_exporter:v1.45.0"}},
      {{"image", "localhost:5000/a/redis@" + digest}, {"exporter-image", "quay.io/oliver006/redis_exporter@" + digest}},
      {{"size", "1500M"},
       {"storage-class", "-"},
       {"memory-limit", "1.5Gi"},
       {"cpu-request", "0.1"},
       {"cpu-limit", "1"}},
      {{"allow-from", "jobs"}, {"allow-from", "ci/app.kubernetes.io/name=worker,tier="}},
  };
  for_each_chart([&](const std::string& helm, const std::string& chart) {
    for (const auto& given : cases) {
      for (const Preset& preset : {job_queue_preset(), full_preset()})
        render(helm, chart, settings_for(chart, given, preset));
    }
  });
}

TEST_CASE("values: the charts give the names, labels and the record that everything is found by") {
  for_each_chart([](const std::string& helm, const std::string& chart) {
    for (const char* release : {"raibid-redis", "jobs", "a-redis-b"}) {
      CAPTURE(release);
      const RedisSettings settings = settings_for(chart, {{"release", release}, {"namespace", "work"}}, full_preset());
      const RedisNames names(settings.release, settings.name_space);
      const auto objects = render(helm, chart, settings);
      const json& workload = objects.at("StatefulSet/" + names.workload);
      CHECK(objects.count("Service/" + names.workload) == 1);
      CHECK(objects.count("Secret/" + names.full) == 0);  // ours, never Helm's
      CHECK(workload["spec"]["replicas"] == 1);
      CHECK(workload["spec"]["volumeClaimTemplates"][0]["metadata"]["name"] == "redis-data");
      const json& labels = workload["spec"]["template"]["metadata"]["labels"];
      CHECK(labels["app.kubernetes.io/name"] == "redis");
      CHECK(labels["app.kubernetes.io/instance"] == release);
      const std::string record = workload["metadata"]["annotations"]["raibid-cli/spec"];
      CHECK(parse_spec(record) == spec_of(settings));
      CHECK_FALSE(has(workload["spec"].dump(), "raibid-cli/spec"));  // a changed record must not restart the pod
    }
  });
}

TEST_CASE("values: what was asked for reaches the objects") {
  for_each_chart([](const std::string& helm, const std::string& chart) {
    const auto objects = render(
        helm, chart,
        settings_for(chart, {{"image", "redis:7-alpine"}, {"size", "3Gi"}, {"storage-class", "fast"}}, full_preset()));
    const json& redis = container(objects, "raibid-redis-master", 0);
    CHECK(redis["image"] == "docker.io/library/redis:7-alpine");
    CHECK(redis["resources"] ==
          json::parse(
              R"({"requests": {"memory": "256Mi", "cpu": "100m"}, "limits": {"memory": "512Mi", "cpu": "500m"}})"));
    CHECK(redis["readinessProbe"].value("initialDelaySeconds", 0) <= 1);
    const json& claim = objects.at("StatefulSet/raibid-redis-master")["spec"]["volumeClaimTemplates"][0]["spec"];
    CHECK(claim["resources"]["requests"]["storage"] == "3Gi");
    CHECK(claim["storageClassName"] == "fast");
    const std::string conf = objects.at("ConfigMap/raibid-redis-configuration")["data"]["redis.conf"];
    for (const char* line : {"appendonly yes", "appendfsync everysec", "save \"\"", "maxmemory 307mb",
                             "maxmemory-policy noeviction", "notify-keyspace-events Ex"}) {
      CAPTURE(line);
      CHECK(has(conf, std::string("\n") + line + "\n"));
    }
    const json& alias = objects.at("Service/redis");
    CHECK(alias["spec"]["selector"] == objects.at("Service/raibid-redis-master")["spec"]["selector"]);
    CHECK(objects.at("Service/redis-service")["metadata"]["namespace"] == "app");
    CHECK(objects.count("ServiceMonitor/raibid-redis") == 1);
    const json& exporter = container(objects, "raibid-redis-master", 1);
    CHECK(has(exporter.dump(), "check-single-streams=db0=raibid:jobs"));
    CHECK_FALSE(has(exporter.dump(), "$(id)"));
    const json& pod = objects.at("StatefulSet/raibid-redis-master")["spec"]["template"]["spec"];
    CHECK(pod["securityContext"]["fsGroup"] == 1000);
    CHECK((pod["securityContext"].value("runAsUser", 0) == 1000 ||
           redis["securityContext"].value("runAsUser", 0) == 1000));
  });
}

TEST_CASE("values: alerting rules and dashboard come out of helm as they went in") {
  for_each_chart([](const std::string& helm, const std::string& chart) {
    const RedisSettings settings = settings_for(chart, {{"monitoring", "true"}}, full_preset());
    const auto objects = render(helm, chart, settings);
    CHECK(objects.at("PrometheusRule/raibid-redis") == json::parse(prometheus_rule(settings).dump()));
    CHECK(objects.at("ConfigMap/raibid-redis-dashboard") == json::parse(dashboard_config_map(settings).dump()));
    const auto without = render(helm, chart, settings_for(chart, {}, full_preset()));
    CHECK(without.count("PrometheusRule/raibid-redis") == 0);
    CHECK(without.count("ConfigMap/raibid-redis-dashboard") == 0);
  });
}

TEST_CASE("values: who may connect, in both charts") {
  const json everyone = json::parse(R"({"namespaceSelector": {}})");
  for_each_chart([&](const std::string& helm, const std::string& chart) {
    const auto rules = [&](const std::vector<Given>& given) {
      const json policy = render(helm, chart, settings_for(chart, given)).at("NetworkPolicy/raibid-redis");
      json peers = json::array();
      for (const json& rule : policy["spec"]["ingress"]) {
        CHECK(rule.contains("from"));  // a rule without it lets everybody in
        for (const json& port : rule["ports"]) {
          for (const json& from : rule.value("from", json::array()))
            peers.push_back({{"port", port["port"]}, {"from", from}});
        }
      }
      return peers;
    };
    const json open = rules({});
    CHECK(std::count(open.begin(), open.end(), json{{"port", 6379}, {"from", everyone}}) == 1);
    const json monitoring =
        json::parse(R"({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}})");
    CHECK(std::count(open.begin(), open.end(), json{{"port", 9121}, {"from", monitoring}}) == 1);
    const json named = rules({{"allow-from", "ci/app=worker"}});
    for (const json& peer : named) CHECK(peer["from"] != everyone);
    const json worker = json::parse(
        R"({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ci"}}, "podSelector": {"matchLabels": {"app": "worker"}}})");
    CHECK(std::count(named.begin(), named.end(), json{{"port", 6379}, {"from", worker}}) == 1);
  });
}

TEST_CASE("values: Bitnami's chart without --image takes images that can be pulled" *
          doctest::skip(bitnami_chart().empty())) {
  for (const auto& [helm, major] : helm_programs()) {
    CAPTURE(helm);
    const auto objects = render(helm, bitnami_chart(), settings_for(bitnami_chart(), {}));
    CHECK(has(container(objects, "raibid-redis-master", 0)["image"], "docker.io/bitnamilegacy/redis:"));
    CHECK(has(container(objects, "raibid-redis-master", 1)["image"], "docker.io/bitnamilegacy/redis-exporter:"));
    CHECK(container(objects, "raibid-redis-master", 0)["startupProbe"]["initialDelaySeconds"] == 0);
  }
}

TEST_CASE("values: a key that the embedded chart does not know is refused, so that none is ignored there") {
  const Embedded embedded;
  for (const auto& [helm, major] : helm_programs()) {
    CAPTURE(helm);
    const RedisSettings settings = redis_settings_of({});
    nlohmann::ordered_json values = helm_values(settings, RedisNames(settings.release, settings.name_space), false);
    values["master"]["resourcesPreset"] = "none";
    const Output refused = attempt({helm, "template", "raibid-redis", embedded.chart, "-f", "-"}, values.dump());
    CHECK_FALSE(refused.ok());
    CHECK(has(refused.err, "resourcesPreset"));
  }
}

namespace {

/// A client that logs in as `health`, for which nobody needs a password, and sends a PING of 490 MB.
class LargePing {
 public:
  explicit LargePing(int port) : m_fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    REQUIRE(::connect(m_fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(send("*3\r\n$4\r\nAUTH\r\n$6\r\nhealth\r\n$1\r\n-\r\n"));
    std::array<char, 64> reply{};
    REQUIRE(::recv(m_fd.get(), reply.data(), reply.size(), 0) > 0);
    REQUIRE(std::string(reply.data()).starts_with("+OK"));
    REQUIRE(send(fmt::format("*2\r\n$4\r\nPING\r\n${}\r\n", size)));
  }

  /// The next megabyte; false when Redis has ended the connection.
  bool go_on() {
    static const std::string block(1 << 20, 'x');
    if (!send(block)) return false;
    m_sent += block.size();
    return true;
  }
  bool whole() const { return m_sent >= size; }

 private:
  static constexpr std::size_t size = 490'000'000;

  bool send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t sent = ::send(m_fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  UniqueFd m_fd;
  std::size_t m_sent = 0;
};

std::int64_t most_memory_of(const std::string& pid) {
  const std::string status = read_file("/proc/" + pid + "/status").value_or("");
  const std::size_t at = status.find("VmHWM:");
  REQUIRE(at != std::string::npos);
  return std::stoll(status.substr(at + 6)) * 1024;
}

}  // namespace

TEST_CASE("values: clients that send without end are cut off before they take the pod's memory") {
  const Embedded embedded;
  if (helm_programs().empty()) {
    MESSAGE("skipped: no HELM3, no HELM4, no helm on PATH");
    return;
  }
  const std::string helm = helm_programs().front().first;
  Preset unlimited = job_queue_preset();
  unlimited.redis.emplace_back("maxmemory", "0");  // a tenth of that would be no limit
  for (const Preset& preset : {job_queue_preset(), unlimited}) {
    const auto objects = render(helm, embedded.chart, redis_settings_of({{"memory-limit", "512Mi"}}, preset));
    std::string conf;
    for (const auto& [name, object] : objects) {
      if (object.value("kind", "") == "ConfigMap" && object["data"].contains("redis.conf"))
        conf = object["data"]["redis.conf"];
    }
    REQUIRE(conf.find("maxmemory-clients") != std::string::npos);
    const TemporaryDirectory folder(std::filesystem::temp_directory_path());
    const std::filesystem::path users = folder.path() / "users.acl";
    write_atomic(users, acl_file(Secret("a-password"), Secret()));
    std::string own;
    for (const std::string& line : split(conf, '\n')) {
      if (line.starts_with("max")) own += line + "\n";
    }
    CAPTURE(own);
    const RedisServer server(own + "aclfile " + users.string() + "\n");
    const auto redis = server.connect("a-password");
    std::string pid = parse_info(redis->command({"INFO", "server"}).text).at("process_id");
    LargePing first(server.port());
    LargePing second(server.port());
    bool one = true;
    bool other = true;
    while ((one || other) && !first.whole() && !second.whole()) {
      one = one && first.go_on();
      other = other && second.go_on();
    }
    CHECK_FALSE(first.whole());
    CHECK_FALSE(second.whole());
    CHECK(redis->command({"PING"}).text == "PONG");
    CHECK(most_memory_of(pid) < 128LL << 20);  // a quarter of what the pod may have
  }
}
