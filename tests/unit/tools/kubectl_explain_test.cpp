#include "base/error.hpp"
#include "tools/kubectl.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace raibid::kubectl_explain_test {

namespace {

/// As kubectl 1.31 and 1.35 print them: the first lines are its own log of five attempts.
const std::string log_line =
    "E1121 09:11:39.097416   29319 memcache.go:265] \"Unhandled Error\" err=\"couldn't get current server API group "
    "list: Get "
    "\\\"https://127.0.0.1:29999/api?timeout=3s\\\": dial tcp 127.0.0.1:29999: connect: connection refused\"\n";

Command get_pods() {
  return {
      {"kubectl", "--kubeconfig", "/k", "--context", "k3s-dev", "-n", "apps", "--request-timeout=10s", "get", "pods"},
      {},
      {}};
}

Command applying(const std::string& input) {
  return {{"kubectl", "--context", "k3s-dev", "-n", "apps", "--request-timeout=10s", "apply", "-f", "-"}, input, {}};
}

Error explained(const std::string& err, const Command& command = get_pods(), const std::string& out = {}) {
  return Kubectl::explain(command, {1, out, err, false});
}

struct Case {
  std::string err;
  std::string message;
  std::string hint;  ///< a part of it
};

}  // namespace

TEST_CASE("what stands between kubectl and the cluster is told apart") {
  const std::vector<Case> cases = {
      {log_line + log_line +
           "The connection to the server 127.0.0.1:29999 was refused - did you specify the right host or port?\n",
       "the cluster of context k3s-dev does not answer: The connection to the server 127.0.0.1:29999 was refused - did "
       "you specify the "
       "right host or port?",
       "systemctl status k3s"},
      {"Unable to connect to the server: net/http: request canceled while waiting for connection (Client.Timeout "
       "exceeded while awaiting "
       "headers)\n",
       "the cluster of context k3s-dev does not answer: net/http: request canceled while waiting for connection "
       "(Client.Timeout exceeded "
       "while awaiting headers)",
       "VPN"},
      {"Unable to connect to the server: context deadline exceeded\n",
       "the cluster of context k3s-dev does not answer: context deadline exceeded", "VPN"},
      {"Unable to connect to the server: dial tcp: lookup no-such-host.invalid on 10.0.0.2:53: no such host\n",
       "the server of context k3s-dev has a name that cannot be resolved: dial tcp: lookup no-such-host.invalid on "
       "10.0.0.2:53: no such host",
       "DNS"},
      {"Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown "
       "authority\n",
       "no trusted connection to the cluster of context k3s-dev: tls: failed to verify certificate: x509: certificate "
       "signed by unknown "
       "authority",
       "fetch the cluster's kubeconfig again"},
      {"error: You must be logged in to the server (Unauthorized)\n",
       "the cluster of context k3s-dev refuses the login: You must be logged in to the server (Unauthorized)",
       "log in again"},
      {"error: You must be logged in to the server (the server has asked for the client to provide credentials)\n",
       "the cluster of context k3s-dev refuses the login: You must be logged in to the server (the server has asked "
       "for the client to "
       "provide credentials)",
       "log in again"},
      {"Error from server (Forbidden): secrets is forbidden: User \"system:serviceaccount:a:limited\" cannot list "
       "resource \"secrets\" in "
       "API group \"\" in the namespace \"apps\"\n",
       "not allowed on the cluster of context k3s-dev: User \"system:serviceaccount:a:limited\" cannot list resource "
       "\"secrets\" in API "
       "group \"\" in the namespace \"apps\"",
       "kubectl --context k3s-dev -n apps auth can-i --list"},
      {"Error from server (Forbidden): error when creating \"STDIN\": namespaces is forbidden: User \"x\" cannot "
       "create resource "
       "\"namespaces\" in API group \"\" at the cluster scope\n",
       "not allowed on the cluster of context k3s-dev: User \"x\" cannot create resource \"namespaces\" in API group "
       "\"\" at the cluster "
       "scope",
       "administrator"},
      {"Error in configuration: context was not found for specified context: k3s-dev\n",
       "there is no context k3s-dev in the kubeconfig /k", "get-contexts"},
      {"Error in configuration: \n* unable to read client-cert /c.pem for admin due to open /c.pem: no such file or "
       "directory\n* unable to "
       "read client-key /k.pem for admin due to open /k.pem: no such file or directory\n",
       "the kubeconfig /k cannot be used: unable to read client-cert /c.pem for admin due to open /c.pem: no such file "
       "or directory; "
       "unable to read client-key /k.pem for admin due to open /k.pem: no such file or directory",
       "--kubeconfig"},
      {"error: stat /k: no such file or directory\n",
       "the kubeconfig /k cannot be used: stat /k: no such file or directory", "--kubeconfig"},
      {"Token has expired and refresh failed\nUnable to connect to the server: getting credentials: exec: executable "
       "aws failed with exit "
       "code 255\n",
       "the credential plugin of context k3s-dev failed: Token has expired and refresh failed; getting credentials: "
       "exec: executable aws "
       "failed with exit code 255",
       "Log in"},
      {log_line + "Unable to connect to the server: http: server gave HTTP response to HTTPS client\n",
       "what answers at the server of context k3s-dev is not a Kubernetes API: http: server gave HTTP response to "
       "HTTPS "
       "client",
       "config view"},
      {log_line + "error: invalid character '<' looking for beginning of value\n",
       "what answers at the server of context k3s-dev is not a Kubernetes API: invalid character '<' looking for "
       "beginning of value",
       "config view"},
  };
  for (const Case& each : cases) {
    const Error error = explained(each.err);
    CHECK(error.message() == each.message);
    CHECK(error.hint().find(each.hint) != std::string::npos);
    CHECK(error.code() == ExitCode::preflight);
  }
}

TEST_CASE("kubectl that asks for a user name has no credentials") {
  const Error error = explained("error: EOF\n", get_pods(), "Please enter Username: ");
  CHECK(error.code() == ExitCode::preflight);
  CHECK(error.message() == "the kubeconfig /k has no credentials for context k3s-dev");
}

TEST_CASE("what the cluster itself refuses is a failure, in its own words") {
  const std::vector<Case> cases = {
      {"Error from server (NotFound): namespaces \"apps\" not found\n", "kubectl get: namespaces \"apps\" not found",
       ""},
      {"Error from server (AlreadyExists): error when creating \"STDIN\": secrets \"a\" already exists\n",
       "kubectl get: secrets \"a\" already exists", ""},
      {"error: the server doesn't have a resource type \"foos\"\n",
       "kubectl get: the server doesn't have a resource type \"foos\"", ""},
      {"error: timed out waiting for the condition on namespaces/apps\n",
       "kubectl get: timed out waiting for the condition on namespaces/apps", "finalizer"},
      {"Error from server (Forbidden): error when creating \"STDIN\": secrets \"a\" is forbidden: unable to create new "
       "content in namespace "
       "apps because it is being terminated\n",
       "kubectl get: secrets \"a\" is forbidden: unable to create new content in namespace apps because it is being "
       "terminated",
       "wait until it is gone"},
      {"Error from server (Forbidden): persistentvolumeclaims \"a\" is forbidden: exceeded quota: q, requested: "
       "requests.storage=8Gi, "
       "used: requests.storage=0, limited: requests.storage=1Gi\n",
       "kubectl get: persistentvolumeclaims \"a\" is forbidden: exceeded quota: q, requested: requests.storage=8Gi, "
       "used: "
       "requests.storage=0, limited: requests.storage=1Gi",
       "ResourceQuota"},
      {"error: unable to forward port because pod is not running. Current status=Pending\n",
       "kubectl get: unable to forward port because pod is not running. Current status=Pending", ""},
      {"", "kubectl get failed without a message (status 1)", ""},
  };
  for (const Case& each : cases) {
    const Error error = explained(each.err);
    CHECK(error.message() == each.message);
    CHECK(error.hint().find(each.hint) != std::string::npos);
    CHECK(error.code() == ExitCode::failure);
  }
}

TEST_CASE("a child that was ended at the deadline") {
  const Error reading = Kubectl::explain(get_pods(), {143, {}, {}, true});
  CHECK(reading.code() == ExitCode::preflight);
  CHECK(reading.message() == "the cluster of context k3s-dev did not answer in time (kubectl get)");
  const Error writing = Kubectl::explain(applying("{}"), {143, {}, {}, true});
  CHECK(writing.code() == ExitCode::failure);  // it may have changed something
  CHECK(writing.message() == "kubectl apply did not end in time");
}

TEST_CASE("an error that repeats the Secret is masked, encoded or not") {
  const std::string list =
      R"({"kind":"List","items":[{"kind":"Secret","stringData":{"a":"geheim/1"},"data":{"b":"Z2VoZWltLzI="}}]})";
  const Error error = explained(
      "Error from server: failed to create typed patch object (apps/a; /v1, Kind=Secret): got {\"x\":\"geheim/1\"} "
      "Z2VoZWltLzI= geheim/2\n",
      applying(list));
  CHECK(error.message() ==
        "kubectl apply: failed to create typed patch object (apps/a; /v1, Kind=Secret): got {\"x\":\"***\"} *** ***");
  const Error config_map = explained("error: geheim\n", applying(R"({"kind":"ConfigMap","data":{"a":"geheim"}})"));
  CHECK(config_map.message() == "kubectl apply: geheim");
}

TEST_CASE("a reason is one line that a terminal can take, and not without end") {
  CHECK(explained("error: a\x1b[31mb\n\n  c\n").message().find('\x1b') == std::string::npos);
  CHECK(explained(std::string(100'000, 'x')).message().size() < 1000);
  CHECK(explained("error: same\nerror: same\n").message() == "kubectl get: same");
  CHECK(explained(log_line).message().find("connection refused") != std::string::npos);
  CHECK(explained("W1121 09:22:12.318835    2645 warnings.go:70] unknown field \"x\"\nWarning: old\nerror: why\n")
            .message() == "kubectl get: why");
}

}  // namespace raibid::kubectl_explain_test
