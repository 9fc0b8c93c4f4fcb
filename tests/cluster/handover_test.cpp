// The five presets on a cluster, all side by side: from setup to what their applications are handed.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "base/strings.hpp"
#include "cluster/support.hpp"
#include "config/yaml.hpp"
#include "support/machine.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

/// KEDA's kinds, as its own repository defines them; gone with the object when it brought them.
class KedaKinds {
 public:
  KedaKinds() {
    if (program("go").empty()) return;
    const Output module = attempt({"go", "mod", "download", "-json", "github.com/kedacore/keda/v2@v2.18.3"});
    if (!module.ok()) return;
    m_manifests =
        must({"kubectl", "kustomize", nlohmann::json::parse(module.out).at("Dir").get<std::string>() + "/config/crd"});
    m_there = true;
    m_brought = kubectl({"get", "crd", "scaledjobs.keda.sh", "--ignore-not-found", "-o", "name"}).empty();
    if (!m_brought) return;
    kubectl({"create", "-f", "-"}, m_manifests);
    // kubectl gives up on a kind that has no conditions yet: asked again
    const std::vector<std::string> established = {"kubectl",
                                                  "--kubeconfig",
                                                  ::getenv("RAIBID_TEST_KUBECONFIG"),
                                                  "wait",
                                                  "--for=condition=Established",
                                                  "--timeout=30s",
                                                  "crd/scaledjobs.keda.sh",
                                                  "crd/triggerauthentications.keda.sh"};
    const TimePoint until = real_runner().now() + std::chrono::seconds(30);
    while (!attempt(established).ok()) REQUIRE(real_runner().now() < until);
  }
  ~KedaKinds() {
    if (m_brought) kubectl({"delete", "--ignore-not-found", "--wait", "-f", "-"}, m_manifests);
  }
  KedaKinds(const KedaKinds&) = delete;
  KedaKinds& operator=(const KedaKinds&) = delete;

  bool there() const { return m_there; }

 private:
  std::string m_manifests;
  bool m_there = false, m_brought = false;
};

/// A Redis as a preset has it, in a namespace of the test's, and its application's namespace.
class Handover : public ClusterCli {
 public:
  explicit Handover(const std::string& preset) : ClusterCli("raibid-test-hand-" + preset), m_preset(preset) {}

  Output run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"-n", name_space(), "--preset", m_preset});
    return (*this)(arguments);
  }
  std::string exported(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "export");
    arguments.insert(arguments.end(), {"--app-namespace", name_space()});
    const Output output = run(arguments);
    INFO(said(output));
    REQUIRE(output.status == 0);
    return output.out;
  }
  void apply(const std::string& manifests, const std::string& dry_run) {
    kubectl({"apply", "--server-side", "--validate=strict", "--dry-run=" + dry_run, "-n", name_space(), "-f", "-"},
            manifests);
  }

 private:
  std::string m_preset;
};

struct Application {
  std::string preset;
  std::string release;
  std::string service;  ///< the short name that it uses; "" for none
  std::string command;  ///< how it reaches its Redis with what its variables hold
};

const std::array<Application, 5>& applications() {
  static const std::array<Application, 5> all = {{
      {"raibid", "raibid-redis", "",
       R"(REDISCLI_AUTH=$REDIS_PASSWORD redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" XINFO GROUPS "$REDIS_STREAM" | grep -x "$REDIS_CONSUMER_GROUP")"},
      {"mxclone", "mxclone-redis", "redis-service",
       R"(/usr/bin/env | grep -qx "MXCLONE_REDIS.REDIS_PASSWORD=$MXCLONE_REDIS_REDIS_PASSWORD"; REDISCLI_AUTH=$MXCLONE_REDIS_REDIS_PASSWORD redis-cli -h "${MXCLONE_REDIS_REDIS_ADDRESS%:*}" -p "${MXCLONE_REDIS_REDIS_ADDRESS#*:}" -n "$MXCLONE_REDIS_REDIS_DB" SET "${MXCLONE_REDIS_REDIS_PREFIX}1" x | grep -x OK)"},
      {"will-it-compile", "will-it-compile-redis", "redis",
       R"(REDISCLI_AUTH=$REDIS_PASSWORD redis-cli -h "${REDIS_ADDR%:*}" -p "${REDIS_ADDR#*:}" -n "$REDIS_DB" PING | grep -x PONG)"},
      {"mirai", "mirai-redis", "redis",
       R"(address=${REDIS_URL#redis://}; redis-cli -h "${address%:*}" -p "${address#*:}" PING | grep -x PONG)"},
      {"sla-management", "redis-cache", "redis-service",
       R"(u=${REDIS_URL#redis://}; p=${u#*:}; a=${p#*@}; REDISCLI_AUTH=${p%@*} redis-cli --user "${u%%:*}" -h "${a%:*}" -p "${a#*:}" SET sla:handover x | grep -x OK)"},
  }};
  return all;
}

nlohmann::ordered_json application_pod(const std::string& command, const std::string& handed_over) {
  nlohmann::ordered_json container = {
      {"name", "app"}, {"image", "redis:7-alpine"}, {"command", {"sh", "-ec", command}}};
  container["envFrom"] = {{{"configMapRef", {{"name", handed_over}}}}, {{"secretRef", {{"name", handed_over}}}}};
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", {{"name", "app"}}},
          {"spec",
           {{"restartPolicy", "Never"},
            {"enableServiceLinks", false},
            {"containers", nlohmann::ordered_json::array({container})}}}};
}

// A number where KEDA wants a string: what the check by its schema is for.
std::string without_quotes(const std::string& manifests) {
  std::string text = manifests;
  const std::size_t at = text.find(": \"1\"");
  REQUIRE(at != std::string::npos);
  return text.replace(at, 5, ": 1");
}

/// What the API server warns of when it gets a Job with this pod, in a namespace that warns by the standard
/// "restricted".
std::string warning_of(Handover& cli, const nlohmann::json& job_spec) {
  const nlohmann::json job = {
      {"apiVersion", "batch/v1"}, {"kind", "Job"}, {"metadata", {{"name", "worker"}}}, {"spec", job_spec}};
  const Output output = attempt({"kubectl", "--kubeconfig", ::getenv("RAIBID_TEST_KUBECONFIG"), "create",
                                 "--dry-run=server", "-n", cli.name_space(), "-f", "-"},
                                job.dump());
  INFO(said(output));
  CHECK(output.status == 0);
  return output.err;
}

void check_pod_security(Handover& cli, const std::string& manifests) {
  kubectl({"label", "namespace", cli.name_space(), "--overwrite", "pod-security.kubernetes.io/warn=restricted"});
  const std::size_t job = manifests.rfind("---\n");
  nlohmann::json spec = parse_yaml(job == std::string::npos ? manifests : manifests.substr(job + 4), "keda")
                            .at("spec")
                            .at("jobTargetRef");
  const char* const violation = "would violate PodSecurity";
  CHECK(warning_of(cli, spec).find(violation) == std::string::npos);
  spec.at("template").at("spec").at("securityContext").erase("runAsNonRoot");
  CHECK(warning_of(cli, spec).find(violation) != std::string::npos);
}

void check_keda(Handover& cli) {
  const std::string manifests = cli.exported({"keda"});
  check_pod_security(cli, manifests);
  cli.apply(manifests, "server");
  const Output refused = attempt({"kubectl", "--kubeconfig", ::getenv("RAIBID_TEST_KUBECONFIG"), "create",
                                  "--dry-run=server", "-n", cli.name_space(), "-f", "-"},
                                 without_quotes(manifests));
  INFO(said(refused));
  CHECK(refused.status != 0);
}

void check_durability(Handover& cli) {
  const auto uid = [&] {
    return kubectl({"get", "pod", "raibid-redis-master-0", "-n", cli.name_space(), "-o", "jsonpath={.metadata.uid}"});
  };
  const std::string before = uid();
  CHECK(cli.run({"smoke", "redis", "--durability"}).status == 2);
  CHECK(uid() == before);
  const Output output = cli.run({"smoke", "redis", "--durability", "--yes", "-o", "json"});
  INFO(said(output));
  CHECK(output.status == 0);
  CHECK(uid() != before);
  const nlohmann::json found = nlohmann::json::parse(output.out).at("durability");
  CHECK(found.at("acknowledged").get<int>() > 100);
  CHECK(found.at("survived") == found.at("acknowledged"));
  kubectl({"wait", "-n", cli.name_space(), "--for=condition=Ready", "pod/raibid-redis-master-0", "--timeout=60s"});
  CHECK(cli.run({"status", "redis"}).status == 0);
}

// The application's pod has nothing but what was exported.
void check_application(Handover& cli, const std::string& command) {
  cli.apply(cli.exported({"secret", "--name", "app"}), "server");
  cli.apply(cli.exported({"secret", "--name", "app"}), "none");
  cli.apply(cli.exported({"configmap", "--name", "app"}), "none");
  kubectl({"create", "-n", cli.name_space(), "-f", "-"}, application_pod(command, "app").dump());
  kubectl({"wait", "-n", cli.name_space(), "pod/app", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s"});
  kubectl({"delete", "-n", cli.name_space(), "pod/app", "secret/app", "configmap/app"});
}

/// What a pod of the namespace is answered that knows nothing but the short name. It may not log in: the answer is PONG
/// or NOAUTH. Like any application it tries for as long as kube-proxy may need to learn of a new Service, and each try
/// has a second: a connection that was begun before is never answered (its packets keep the way that they took first).
std::string answer_by_name(const Handover& cli, const std::string& service) {
  return kubectl({"run", "client", "-n", cli.name_space(), "--image=redis:7-alpine", "--image-pull-policy=Never",
                  "--restart=Never", "--rm", "--attach", "--quiet", "--command", "--", "timeout", "30", "sh", "-c",
                  "until timeout 1 redis-cli -h " + service + " PING; do sleep 0.2; done"});
}

void check_healthy(Handover& cli, const Application& one) {
  const nlohmann::json status = nlohmann::json::parse(cli.run({"status", "redis", "-o", "json"}).out);
  CHECK(status.at("healthy") == true);
  CHECK(status.at("preset") == one.preset);
  if (one.service.empty()) return;
  CHECK(status.at("services") == nlohmann::json{{{"name", one.service}, {"leads_here", true}}});
  CHECK(answer_by_name(cli, one.service).find(one.preset == "mirai" ? "PONG" : "NOAUTH") != std::string::npos);
}

void check_unchanged_by_setup(Handover& cli, const Application& one) {
  const auto uid = [&] {
    return kubectl({"get", "pod", one.release + "-master-0", "-n", cli.name_space(), "-o", "jsonpath={.metadata.uid}"});
  };
  const std::string before = uid();
  const Output second = cli.run({"setup", "redis"});
  INFO(said(second));
  CHECK(second.out.find("Nothing changed") != std::string::npos);
  CHECK(uid() == before);
}

/// Each is in `status --all`.
void check_status_of_all(const std::vector<std::unique_ptr<Handover>>& five) {
  Handover& cli = *five.front();
  const nlohmann::json all = nlohmann::json::parse(cli({"status", "--all", "-o", "json"}).out);
  for (std::size_t at = 0; at < five.size(); ++at) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const nlohmann::json& one) {
      return one.at("namespace") == five[at]->name_space();
    });
    CAPTURE(applications()[at].preset);
    REQUIRE(found != all.end());
    CHECK(found->at("healthy") == true);
    CHECK(found->at("preset") == applications()[at].preset);
  }
}

}  // namespace

TEST_CASE(
    "presets: all five side by side are healthy; smoke holds, what is exported is what an application needs, the data "
    "outlives the pod, and teardown leaves nothing") {
  if (!have_cluster()) return;
  const KedaKinds keda;
  if (!keda.there()) MESSAGE("skipped: KEDA's kinds cannot be had here");
  // two presets may want the same short name, so each has its namespace
  std::vector<std::unique_ptr<Handover>> five;
  std::vector<std::set<std::string>> before;
  for (const Application& one : applications()) {
    five.push_back(std::make_unique<Handover>(one.preset));
    before.push_back(cluster_state(five.back()->name_space()));
    const Output setup = five.back()->run({"setup", "redis"});
    INFO(said(setup));
    REQUIRE(setup.status == 0);
  }
  check_status_of_all(five);
  for (std::size_t at = 0; at < five.size(); ++at) {
    const Application& one = applications()[at];
    Handover& cli = *five[at];
    INFO(one.preset);
    check_healthy(cli, one);
    check_unchanged_by_setup(cli, one);
    const Output smoke = cli.run({"smoke", "redis"});
    INFO(said(smoke));
    CHECK(smoke.status == 0);
    check_application(cli, one.command);
    if (keda.there() && (one.preset == "raibid" || one.preset == "mirai")) check_keda(cli);
    if (one.preset == "raibid") check_durability(cli);
    CHECK(cli.run({"export", "env"}).status == 0);
    CHECK(cli.run({"teardown", "redis", "--yes", "--delete-data"}).status == 0);
    CHECK(cli.run({"status", "redis"}).status == 6);
    for (const char* what : {"env", "secret", "configmap", "keda"}) CHECK(cli.run({"export", what}).status == 6);
    CHECK(cluster_state(cli.name_space()) == before[at]);
  }
}

TEST_CASE("export values is what setup hands to helm, byte for byte") {
  if (!have_cluster()) return;
  Handover cli("will-it-compile");
  const Output plan = cli.run({"setup", "redis", "--dry-run"});
  REQUIRE(plan.status == 0);
  const Output values = cli.run({"export", "values"});
  REQUIRE(values.status == 0);
  const std::string text = values.out.substr(values.out.find('\n') + 1);  // without the comment
  CHECK(plan.out.find("# values for helm\n" + text + "\n# manifests\n") != std::string::npos);
}
