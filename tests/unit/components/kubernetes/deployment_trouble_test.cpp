#include "components/kubernetes/deployment_trouble.hpp"

#include "fakes/fake_runner.hpp"
#include "unit/components/kubernetes/documents.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace raibid::deployment_trouble_test {

using namespace raibid::test;
using nlohmann::json;
using std::chrono::seconds;
using State = Verdict::State;

namespace {

Output items(std::vector<json> all) { return {0, json{{"kind", "List"}, {"items", std::move(all)}}.dump(), ""}; }

struct Watched {
  FakeRunner runner;
  Kubectl kubectl{runner, Cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""}, "apps"};
  DeploymentTrouble trouble{runner, kubectl, "app=proxy", "app-proxy", "--proxy-image"};

  std::optional<Verdict> look(std::vector<json> pods, std::vector<json> events) {
    runner.expect(argv_has({"get", "pods", "-l", "app=proxy"}), items(std::move(pods)));
    runner.expect(argv_has({"get", "events"}), items(std::move(events)));
    const auto verdict = trouble.look(runner.now() + seconds(10));
    runner.clock().advance(seconds(3));
    return verdict;
  }
};

PodDocument proxy_pod() {
  PodDocument pod;
  pod.name = "app-proxy-5d9-x2";
  pod.uid = "proxy-1";
  return pod;
}

EventDocument failed_pull(int count) {
  EventDocument event;
  event.kind = "Pod";
  event.name = "app-proxy-5d9-x2";
  event.object_uid = "proxy-1";
  event.reason = "Failed";
  event.container = "redis";
  event.message = "Failed to pull image \"redis:7\": rpc error: code = NotFound desc = redis:7: not found";
  event.count = count;
  return event;
}

}  // namespace

TEST_CASE("a Deployment's pods: nothing is wrong with those that are Ready, or that are ending") {
  Watched w;
  PodDocument ready = ready_pod();
  PodDocument ending = proxy_pod();
  ending.deleted = true;
  CHECK_FALSE(w.look({ready.object(), ending.object()}, {}));
  CHECK_FALSE(w.look({}, {}));
}

TEST_CASE("a Deployment's pods: an image that cannot be pulled is named with its pod's node, and ends the wait") {
  Watched w;
  PodDocument pod = proxy_pod();
  pod.state = waiting_for("ErrImagePull", "rpc error: code = NotFound desc = redis:7: not found");
  const auto once = w.look({pod.object()}, {failed_pull(1).object()});
  REQUIRE(once);
  CHECK(once->state == State::waiting);
  pod.state = waiting_for("ImagePullBackOff");
  const auto twice = w.look({ready_pod().object(), pod.object()}, {failed_pull(2).object()});
  REQUIRE(twice);
  CHECK(twice->state == State::doomed);
  CHECK(twice->reason == "image-not-found");
  CHECK(twice->text.starts_with("pod app-proxy-5d9-x2: image redis:7 does not exist"));
  CHECK(twice->hint.find("--proxy-image") != std::string::npos);
}

TEST_CASE("a Deployment's pods: what the controller cannot make is told") {
  Watched w;
  EventDocument refused;
  refused.kind = "ReplicaSet";
  refused.name = "app-proxy-5d9";
  refused.message = "pods \"app-proxy-5d9-\" is forbidden: exceeded quota: small";
  EventDocument of_another = refused;
  of_another.uid = "event-2";
  of_another.name = "other-proxy-5d9";
  of_another.message = "something else";
  for (int look = 0; look < 9; ++look) {
    CHECK(w.look({}, {refused.object(), of_another.object()}).value().state == State::waiting);
  }
  w.runner.clock().advance(seconds(30));
  const Verdict verdict = w.look({}, {refused.object(), of_another.object()}).value();
  CHECK(verdict.state == State::doomed);
  CHECK(verdict.text.find("exceeded quota: small") != std::string::npos);
}

TEST_CASE("a Deployment's pods: they are not asked for at every look") {
  Watched w;
  w.runner.expect(argv_has({"get", "pods"}), items({}));
  w.runner.expect(argv_has({"get", "events"}), items({}));
  for (int look = 0; look < 5; ++look) CHECK_FALSE(w.trouble.look(w.runner.now() + seconds(10)));
}

TEST_CASE("a Deployment's pods: without the right to look there is nothing to say") {
  Watched w;
  w.runner.expect(argv_has({"get", "pods"}), items({proxy_pod().object()}));
  w.runner.expect(argv_has({"get", "events"}), {1, "", "Error from server (Forbidden): events is forbidden"});
  CHECK_FALSE(w.trouble.look(w.runner.now() + seconds(10)));
}

}  // namespace raibid::deployment_trouble_test
