#include "base/error.hpp"
#include "tools/helm.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace raibid;

namespace {

Error explained(const std::string& err) {
  const Command upgrade = {
      {"helm", "--kubeconfig", "/k", "--kube-context", "k3s-dev", "-n", "apps", "upgrade", "--install", "r", "c"},
      {},
      {}};
  return Helm::explain(upgrade, {1, "Release \"r\" does not exist. Installing it now.\n", err, false});
}

struct Case {
  std::string err;  ///< as Helm 3.17 or 4.1 prints it
  ExitCode code;
  std::string message;
  std::string hint;  ///< a part of it
};

void check_all(const std::vector<Case>& cases) {
  for (const Case& each : cases) {
    const Error error = explained(each.err);
    CHECK(error.message() == each.message);
    CHECK(error.hint().find(each.hint) != std::string::npos);
    CHECK(error.code() == each.code);
  }
}

}  // namespace

TEST_CASE("helm and the cluster") {
  check_all({
      {"Error: Kubernetes cluster unreachable: Get \"https://127.0.0.1:29999/version\": dial tcp 127.0.0.1:29999: "
       "connect: connection refused\n",
       ExitCode::preflight,
       "the cluster of context k3s-dev does not answer: Kubernetes cluster unreachable: Get "
       "\"https://127.0.0.1:29999/version\": dial tcp "
       "127.0.0.1:29999: connect: connection refused",
       "VPN"},
      {"Error: kubernetes cluster unreachable: Get \"https://x.invalid:6443/version\": dial tcp: lookup x.invalid: no "
       "such host\n",
       ExitCode::preflight,
       "the server of context k3s-dev has a name that cannot be resolved: kubernetes cluster unreachable: Get "
       "\"https://x.invalid:6443/version\": dial tcp: lookup x.invalid: no such host",
       "DNS"},
      {"Error: kubernetes cluster unreachable: Get \"https://127.0.0.1:29998/version\": net/http: TLS handshake "
       "timeout\n",
       ExitCode::preflight,
       "the cluster of context k3s-dev does not answer: kubernetes cluster unreachable: Get "
       "\"https://127.0.0.1:29998/version\": net/http: "
       "TLS handshake timeout",
       "VPN"},
      {"Error: Kubernetes cluster unreachable: context \"k3s-dev\" does not exist\n", ExitCode::preflight,
       "there is no context k3s-dev in the kubeconfig /k", "get-contexts"},
      {"Error: Kubernetes cluster unreachable: stat /k: no such file or directory\n", ExitCode::preflight,
       "the kubeconfig /k cannot be used: Kubernetes cluster unreachable: stat /k: no such file or directory",
       "--kubeconfig"},
      {"Error: Kubernetes cluster unreachable: the server has asked for the client to provide credentials\n",
       ExitCode::preflight,
       "the cluster of context k3s-dev refuses the login: Kubernetes cluster unreachable: the server has asked for the "
       "client to provide "
       "credentials",
       "log in again"},
      {"Error: Kubernetes cluster unreachable: Get \"https://10.200.0.2:6443/version\": tls: failed to verify "
       "certificate: x509: certificate "
       "signed by unknown authority\n",
       ExitCode::preflight,
       "no trusted connection to the cluster of context k3s-dev: Kubernetes cluster unreachable: Get "
       "\"https://10.200.0.2:6443/version\": "
       "tls: failed to verify certificate: x509: certificate signed by unknown authority",
       "again"},
      {"Error: query: failed to query with labels: secrets is forbidden: User \"x\" cannot list resource \"secrets\" "
       "in API group \"\" in the "
       "namespace \"apps\"\n",
       ExitCode::preflight,
       "not allowed on the cluster of context k3s-dev: User \"x\" cannot list resource \"secrets\" in API group \"\" "
       "in the namespace "
       "\"apps\"",
       "can-i"},
      {"Error: create: failed to create: Post \"https://10.0.0.5:6443/api/v1/namespaces/apps/secrets\": dial tcp "
       "10.0.0.5:6443: connect: "
       "connection refused\n",
       ExitCode::preflight,
       "the cluster of context k3s-dev does not answer: create: failed to create: Post "
       "\"https://10.0.0.5:6443/api/v1/namespaces/apps/secrets\": dial tcp 10.0.0.5:6443: connect: connection refused",
       ""},
  });
}

TEST_CASE("a chart that cannot be found") {
  const auto code = ExitCode::preflight;
  check_all({
      {"Error: path \"/abs/nofolder\" not found\n", code, "there is no such chart: path \"/abs/nofolder\" not found",
       "--chart takes"},
      {"Error: non-absolute URLs should be in form of repo_name/path_to_chart, got: nofolder\n", code,
       "there is no such chart: non-absolute URLs should be in form of repo_name/path_to_chart, got: nofolder",
       "--chart takes"},
      {"Error: repo bitnami not found\n", code, "the chart cannot be found: repo bitnami not found", "helm repo"},
      {"Error: chart \"nope\" not found in http://127.0.0.1:29503 repository\n", code,
       "the chart cannot be found: chart \"nope\" not found in http://127.0.0.1:29503 repository", "helm repo"},
      {"Error: chart \"redis\" version \"9.9\" not found in https://charts.example.com repository\n", code,
       "the chart cannot be found: chart \"redis\" version \"9.9\" not found in https://charts.example.com repository",
       "helm search repo"},
      {"Error: looks like \"https://no-such.invalid\" is not a valid chart repository or cannot be reached: Get "
       "\"https://no-such.invalid/index.yaml\": dial tcp: lookup no-such.invalid: no such host\n",
       code,
       "the chart repository cannot be read: looks like \"https://no-such.invalid\" is not a valid chart repository or "
       "cannot be reached: "
       "Get \"https://no-such.invalid/index.yaml\": dial tcp: lookup no-such.invalid: no such host",
       "--chart embedded"},
      {"Error: Get \"https://127.0.0.1:29999/v2/x/redis/tags/list\": dial tcp 127.0.0.1:29999: connect: connection "
       "refused\n",
       code,
       "the chart cannot be fetched from the registry: Get \"https://127.0.0.1:29999/v2/x/redis/tags/list\": dial tcp "
       "127.0.0.1:29999: "
       "connect: connection refused",
       "helm registry login"},
      {"Error: GET \"https://ghcr.io/v2/x/redis/tags/list\": response status code 401: Unauthorized\n", code,
       "the chart cannot be fetched from the registry: GET \"https://ghcr.io/v2/x/redis/tags/list\": response status "
       "code 401: Unauthorized",
       "helm registry login"},
      {"Error: Chart.yaml file is missing\n", code, "this is not a complete chart: Chart.yaml file is missing",
       "Chart.yaml"},
      {"Error: unable to detect chart at /c/Chart.yaml: open /c/Chart.yaml: no such file or directory\n", code,
       "this is not a complete chart: unable to detect chart at /c/Chart.yaml: open /c/Chart.yaml: no such file or "
       "directory",
       "Chart.yaml"},
  });
}

TEST_CASE("values that the chart refuses are the user's to mend") {
  const auto code = ExitCode::usage;
  check_all({
      {"Error: UPGRADE FAILED: values don't meet the specifications of the schema(s) in the following "
       "chart(s):\nredis:\n- (root): Additional "
       "property foo is not allowed\n- size: Invalid type. Expected: string, given: integer\n\n",
       code,
       "the chart refuses the values: redis: (root): Additional property foo is not allowed; size: Invalid type. "
       "Expected: string, given: "
       "integer",
       "--dry-run"},
      {"Error: UPGRADE FAILED: values don't meet the specifications of the schema(s) in the following "
       "chart(s):\nredis:\n- at '/size': got "
       "number, want string\n- at '': additional properties 'foo' not allowed\n\n",
       code,
       "the chart refuses the values: redis: at '/size': got number, want string; at '': additional properties 'foo' "
       "not allowed",
       "--set"},
      {"Error: failed parsing --set data: key \"c\" has no value\n", code,
       "the chart cannot be rendered with these values: failed parsing --set data: key \"c\" has no value", "--set"},
      {"Error: failed to parse bad.yaml: cannot unmarshal yaml document: error converting YAML to JSON: yaml: line 1: "
       "did not find expected "
       "node content\n",
       code,
       "the chart cannot be rendered with these values: failed to parse bad.yaml: cannot unmarshal yaml document: "
       "error converting YAML to "
       "JSON: yaml: line 1: did not find expected node content",
       "-f"},
      {"Error: UPGRADE FAILED: execution error at (redis/templates/a.yaml:1:3): auth.password must be set\n", code,
       "the chart cannot be rendered with these values: execution error at (redis/templates/a.yaml:1:3): auth.password "
       "must be set",
       "--dry-run"},
      {"Error: open nofile.yaml: no such file or directory\n", code,
       "a values file cannot be read: open nofile.yaml: no such file or directory", "--values"},
      {"Error: release name is invalid: Bad_Name\n", code, "release name is invalid: Bad_Name", "--release"},
  });
}

TEST_CASE("what the cluster refuses") {
  check_all({
      {"Error: create: failed to create: namespaces \"apps\" not found\n", ExitCode::failure,
       "helm upgrade: create: failed to create: namespaces \"apps\" not found", ""},
      {"Error: unable to continue with install: ConfigMap \"f-c\" in namespace \"apps\" exists and cannot be imported "
       "into the current "
       "release: invalid ownership metadata; label validation error: missing key \"app.kubernetes.io/managed-by\": "
       "must be set to \"Helm\"\n",
       ExitCode::preflight,
       "a resource of this name is not of this release: unable to continue with install: ConfigMap \"f-c\" in "
       "namespace \"apps\" exists and "
       "cannot be imported into the current release: invalid ownership metadata; label validation error: missing key "
       "\"app.kubernetes.io/managed-by\": must be set to \"Helm\"",
       "another --release"},
      {"Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress\n", ExitCode::failure,
       "helm upgrade: another operation (install/upgrade/rollback) is in progress",
       "helm --kubeconfig /k --kube-context k3s-dev -n apps uninstall RELEASE"},
      {"level=WARN msg=\"upgrade failed\" name=r error=\"conflict occurred while applying object apps/a /v1, "
       "Kind=ConfigMap: x\"\nError: "
       "UPGRADE FAILED: conflict occurred while applying object apps/a /v1, Kind=ConfigMap: Apply failed with 1 "
       "conflict: conflict with "
       "\"kubectl-patch\" using v1: .data.redis.conf\n",
       ExitCode::failure,
       "helm upgrade: conflict occurred while applying object apps/a /v1, Kind=ConfigMap: Apply failed with 1 "
       "conflict: conflict with "
       "\"kubectl-patch\" using v1: .data.redis.conf",
       ""},
      {"Error: UPGRADE FAILED: resource mapping not found for name: \"ab\" namespace: \"\" from \"\": no matches for "
       "kind \"ServiceMonitor\" in "
       "version \"monitoring.coreos.com/v1\"\nensure CRDs are installed first\n",
       ExitCode::preflight,
       "this cluster lacks what the chart asks for: resource mapping not found for name: \"ab\" namespace: \"\" from "
       "\"\": no matches for kind "
       "\"ServiceMonitor\" in version \"monitoring.coreos.com/v1\"; ensure CRDs are installed first",
       "CustomResourceDefinition"},
      {"Error: UPGRADE FAILED: cannot patch \"r-master\" with kind StatefulSet: StatefulSet.apps \"r-master\" is "
       "invalid: spec: Forbidden: "
       "updates to statefulset spec for fields other than 'replicas' are forbidden\n",
       ExitCode::failure,
       "helm upgrade: cannot patch \"r-master\" with kind StatefulSet: StatefulSet.apps \"r-master\" is invalid: spec: "
       "Forbidden: updates to "
       "statefulset spec for fields other than 'replicas' are forbidden",
       "teardown"},
      {"Error: failed pre-install: 1 error occurred:\n\t* job h failed: BackoffLimitExceeded\n\n\n", ExitCode::failure,
       "helm upgrade: failed pre-install: 1 error occurred: job h failed: BackoffLimitExceeded", ""},
  });
}
