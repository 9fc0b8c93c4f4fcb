#include "base/error.hpp"
#include "tools/kubectl.hpp"

#include <doctest/doctest.h>

namespace raibid::config_view_test {

namespace {

Output said(std::string out, std::string err = {}, int status = 0) {
  return {status, std::move(out), std::move(err), false};
}

const std::string two_contexts = R"({
    "kind": "Config", "apiVersion": "v1",
    "clusters": [
        {"name": "dev", "cluster": {"server": "https://10.0.0.5:6443", "certificate-authority-data": "DATA+OMITTED"}},
        {"name": "prod", "cluster": {"server": "https://k8s.example.com"}}
    ],
    "users": [{"name": "admin", "user": {"client-key-data": "DATA+OMITTED"}}],
    "contexts": [
        {"name": "k3s-dev", "context": {"cluster": "dev", "user": "admin"}},
        {"name": "k3s-prod", "context": {"cluster": "prod", "user": "admin", "namespace": "apps"}},
        {"name": "no-cluster", "context": {"cluster": "gone", "user": "admin"}},
        {"name": "no-user", "context": {"cluster": "dev", "user": "gone"}}
    ],
    "current-context": "k3s-dev"
})";

/// What kubectl prints for a kubeconfig that does not exist, is empty, or is none at all (and exits 0).
const std::string nothing =
    R"({"kind": "Config", "apiVersion": "v1", "preferences": {}, "clusters": null, "users": null, "contexts": null, "current-context": ""})";

Error refusal(const Output& output, const std::string& kubeconfig = "", const std::string& context = "") {
  try {
    Kubectl::parse_config_view(output, kubeconfig, context);
  } catch (const Error& error) {
    return error;
  }
  return Error(ExitCode::ok, "no error");
}

}  // namespace

TEST_CASE("the current context, or the one that is asked for") {
  const Cluster current = Kubectl::parse_config_view(said(two_contexts), "", "");
  CHECK(current.context == "k3s-dev");
  CHECK(current.server == "https://10.0.0.5:6443");
  CHECK(current.name == "dev");
  CHECK(current.context_namespace == "");
  const Cluster prod = Kubectl::parse_config_view(said(two_contexts), "/k", "k3s-prod");
  CHECK(prod.kubeconfig == "/k");
  CHECK(prod.server == "https://k8s.example.com");
  CHECK(prod.context_namespace == "apps");
}

TEST_CASE("a context that does not exist: the nearest is offered, all are named") {
  const Error error = refusal(said(two_contexts), "/k", "k3s-pord");
  CHECK(error.code() == ExitCode::preflight);
  CHECK(error.message() == "there is no context k3s-pord in the kubeconfig /k; did you mean k3s-prod?");
  CHECK(error.hint() == "Choose one with --context: k3s-dev, k3s-prod, no-cluster, no-user");
}

TEST_CASE("no kubeconfig, an empty one, no current context") {
  const Error missing = refusal(said(nothing), "/does/not/exist");
  CHECK(missing.code() == ExitCode::preflight);
  CHECK(missing.message() == "there is no kubeconfig /does/not/exist");
  CHECK(missing.hint().find("--kubeconfig") != std::string::npos);
  CHECK(refusal(said(nothing)).message() == "the kubeconfig names no cluster");
  CHECK(refusal(said(nothing), "/dev/null").message() == "the kubeconfig /dev/null names no cluster");

  std::string without_current = two_contexts;
  without_current.replace(without_current.find("\"current-context\": \"k3s-dev\""), 28, "\"current-context\": \"\"");
  CHECK(refusal(said(without_current)).message() == "the kubeconfig has no current context");
}

TEST_CASE("a context that names what the kubeconfig lacks") {
  CHECK(refusal(said(two_contexts), "", "no-cluster").message().find("\"gone\", which has no server") !=
        std::string::npos);
  CHECK(refusal(said(two_contexts), "", "no-user").message().find("the user \"gone\"") != std::string::npos);
  CHECK(refusal(said(two_contexts), "", "no-user").code() == ExitCode::preflight);
}

TEST_CASE("a kubeconfig that cannot be read") {
  for (const std::string reason : {"yaml: line 1: did not find expected ',' or '}'", "read /k: is a directory",
                                   "open /k: permission denied", "yaml: control characters are not allowed"}) {
    const Error error = refusal(said("", "error: error loading config file \"/k\": " + reason + "\n", 1), "/k");
    CHECK(error.code() == ExitCode::preflight);
    CHECK(error.message() == "the kubeconfig /k cannot be used: error loading config file \"/k\": " + reason);
    CHECK(error.hint() != "");
  }
}

TEST_CASE("any shape of JSON is survived") {
  for (const std::string text :
       {"null", "[]", "3", R"({"contexts": 3})", R"({"contexts": [1, null]})", R"({"contexts": [{"name": 7}]})",
        R"({"contexts": [{"name": "a"}], "current-context": "a"})",
        R"({"contexts": [{"name": "a", "context": []}], "current-context": "a", "clusters": {}})"}) {
    CAPTURE(text);
    CHECK(refusal(said(text)).code() == ExitCode::preflight);
  }
  CHECK(refusal(said("{")).code() == ExitCode::failure);
}

}  // namespace raibid::config_view_test
