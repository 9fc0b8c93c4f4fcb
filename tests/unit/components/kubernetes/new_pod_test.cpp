#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "assets/assets.hpp"
#include "components/kubernetes/new_pod.hpp"
#include "components/kubernetes/verdict.hpp"
#include "sys/files.hpp"

namespace raibid::new_pod_test {

using nlohmann::json;

namespace {

Output said(int status, const std::string& err) { return {status, "", err, false}; }

}  // namespace

TEST_CASE("the pod that is tried is the template's, with the claims that the controller adds and a name of its own") {
  const json set = json::parse(R"({"metadata": {"name": "r-master"}, "spec": {
    "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "redis"}], "volumes": [{"name": "c"}]}},
    "volumeClaimTemplates": [{"metadata": {"name": "redis-data"}}]}})");
  CHECK(pod_of_set(set, "r-master-0") == json::parse(R"({"apiVersion": "v1", "kind": "Pod",
    "metadata": {"name": "r-master-dry-run", "labels": {"a": "b"}},
    "spec": {"containers": [{"name": "redis"}], "volumes": [{"name": "c"},
      {"name": "redis-data", "persistentVolumeClaim": {"claimName": "redis-data-r-master-0"}}]}})"));
}

TEST_CASE("what the API server says to the pod: a refusal stops, what tells nothing does not") {
  // as kubectl 1.35 and Kubernetes 1.34 say it
  const auto security = refusal_of_pod(
      said(1,
           "Error from server (Forbidden): error when creating \"STDIN\": pods \"r-master-dry-run\" is forbidden: "
           "violates PodSecurity \"restricted:latest\": runAsNonRoot != true\n"));
  REQUIRE(security);
  CHECK(security->code() == ExitCode::preflight);
  CHECK(security->message() ==
        "the cluster would refuse the new pod: violates PodSecurity \"restricted:latest\": runAsNonRoot != true");
  const auto invalid = refusal_of_pod(
      said(1,
           "The Pod \"r-master-dry-run\" is invalid: spec.containers[0].resources.requests: Invalid value: \"2\": must "
           "be less than or equal to memory limit of 1\n"));
  REQUIRE(invalid);
  CHECK(invalid->message().find("must be less than or equal to memory limit") != std::string::npos);

  CHECK_FALSE(refusal_of_pod(said(0, "Warning: would violate PodSecurity\n")));
  for (const char* nothing :
       {"Error from server (Forbidden): error when creating \"STDIN\": pods \"p\" is forbidden: exceeded quota: q, "
        "requested: pods=1, used: pods=1, limited: pods=1\n",
        "Error from server (Forbidden): pods is forbidden: User \"dev\" cannot create resource \"pods\" in API group "
        "\"\"\n",
        "Unable to connect to the server: EOF\n",
        "Error from server (InternalError): Internal error occurred: failed calling webhook \"w\": timeout\n"}) {
    CAPTURE(std::string(nothing));
    CHECK_FALSE(refusal_of_pod(said(1, nothing)));
  }
  CHECK(warnings_in(said(0, "Warning: would violate \"restricted\"\nother\n")) ==
        std::vector<std::string>{"would violate \"restricted\""});
}

TEST_CASE("start.sh says what the verdict looks for") {
  const auto scripts = read_file(fs::path(RAIBID_SOURCE_DIR) / "templates/charts/redis/templates/_helpers.tpl");
  REQUIRE(scripts);
  CHECK(scripts->find(lock_is_held) != std::string::npos);
}

}  // namespace raibid::new_pod_test
