#include "unit/components/kubernetes/scene.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace raibid;
using namespace raibid::test;
using std::chrono::minutes;
using State = Verdict::State;

namespace {

json unscheduled(const std::string& message, const std::string& reason = "Unschedulable") {
  PodDocument document;
  document.scheduled = false;
  json pod = document.object();
  pod["status"]["conditions"] = {
      {{"type", "PodScheduled"}, {"status", "False"}, {"reason", reason}, {"message", message}}};
  pod["spec"]["volumes"] = {{{"name", "data"}, {"persistentVolumeClaim", {{"claimName", "data-app-master-0"}}}}};
  return pod;
}

}  // namespace

TEST_CASE("claims and their provisioners") {
  Scene scene;
  scene.pod = unscheduled("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found");
  const std::string external =
      "Waiting for a volume to be created either by the external provisioner 'ebs.csi.aws.com' or manually";
  SUBCASE("one that works says so") {
    scene.claim_event("Provisioning",
                      "External provisioner is provisioning volume for claim \"apps/data-app-master-0\"");
    scene.claim_event("ExternalProvisioning", external);
    CHECK(scene.reason() == "provisioning");
    CHECK(decide(scene.judged(), minutes(4)).state == State::waiting);
  }
  SUBCASE("one that fails says why") {
    scene.claim_event("Provisioning",
                      "External provisioner is provisioning volume for claim \"apps/data-app-master-0\"");
    scene.claim_event("ProvisioningFailed",
                      "failed to provision volume with StorageClass \"gp3\": rpc error: code = ResourceExhausted desc "
                      "= request id 7f: "
                      "volume limit exceeded");
    CHECK(scene.reason() == "provisioning-failed");
    CHECK(has(scene.judged().text, "volume limit exceeded"));
    const std::string subject = scene.judged().subject;
    scene.claim_event("ProvisioningFailed",
                      "failed to provision volume with StorageClass \"gp3\": rpc error: code = ResourceExhausted desc "
                      "= request id 8a: "
                      "volume limit exceeded");
    CHECK(scene.judged().subject == subject);  // thirty seconds count through request ids
  }
  SUBCASE("a volume that someone else has") {
    scene.claim_event("FailedBinding", "volume \"pv-1\" already bound to a different claim.");
    CHECK(scene.reason() == "provisioning-failed");
  }
  SUBCASE("a lost volume") {
    scene.claim_event("ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
    CHECK(scene.reason() == "claim-lost");
  }
  SUBCASE("events of the claim before this one") {
    scene.claim_event("ExternalProvisioning", external);
    scene.claim = {{"metadata", {{"name", "data-app-master-0"}, {"uid", "claim-2"}}},
                   {"status", {{"phase", "Pending"}}}};
    CHECK(scene.reason() == "unschedulable");
  }
  SUBCASE("someone else's claim") {
    scene.claim_event("ExternalProvisioning", external);
    scene.seen.events.back().name = "data-app-master-7";
    CHECK(scene.reason() == "unschedulable");
  }
}

TEST_CASE("places that the scheduler does not find") {
  Scene scene;
  SUBCASE("a node is being added") {
    scene.pod = unscheduled("0/1 nodes are available: 1 Insufficient memory. preemption: not helpful.");
    CHECK(scene.reason() == "unschedulable");
    scene.pod_event("TriggeredScaleUp", "pod triggered scale-up: [{group-1 1->2 (max: 4)}]");
    CHECK(scene.reason() == "node-joins");
    CHECK(has(scene.judged().text, "1->2"));
  }
  SUBCASE("a volume on another node") {
    scene.pod = unscheduled(
        "0/2 nodes are available: 1 Insufficient pods, 1 node(s) had volume node affinity conflict. preemption: no.");
    CHECK(has(scene.judged().hint, "make room"));
    scene.pod = unscheduled("0/1 nodes are available: 1 node(s) had volume node affinity conflict. preemption: no.");
    CHECK(has(scene.judged().hint, "bring that node back"));
  }
  SUBCASE("cordoned") {
    NodeFacts node;
    node.name = "k3s-1";
    node.ready = node.cordoned = true;
    scene.seen.nodes = {node};
    scene.pod = unscheduled("0/1 nodes are available: 1 node(s) were unschedulable. preemption: no.");
    CHECK(has(scene.judged().hint, "kubectl uncordon k3s-1"));
  }
  SUBCASE("taints by which Kubernetes before 1.34 names a node that is not Ready") {
    scene.pod = unscheduled(
        "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }. preemption: no.");
    CHECK(scene.reason() == "node-not-ready");
  }
  SUBCASE("every node has a taint") {  // the message is that of Kubernetes 1.34, whose only node was tainted
    for (const char* const name : {"node1", "node2"}) {
      NodeFacts node;
      node.name = name;
      node.ready = true;
      node.taints = {"dedicated=gpu:NoSchedule"};
      scene.seen.nodes.push_back(node);
    }
    scene.pod = unscheduled(
        "0/2 nodes are available: 2 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/2 "
        "nodes are available: 2 Preemption is not helpful for scheduling.");
    CHECK(scene.reason() == "unschedulable");
    CHECK(has(scene.judged().text, "node1 has dedicated=gpu:NoSchedule; node2 has dedicated=gpu:NoSchedule"));
    CHECK(has(scene.judged().hint, "taint nodes node1 dedicated-"));
    CHECK(decide(scene.judged(), std::chrono::seconds(29)).state == State::waiting);
    CHECK(decide(scene.judged(), std::chrono::seconds(31)).state == State::doomed);
  }
  SUBCASE("what nodes have: the largest three") {
    for (int i = 1; i <= 5; ++i) {
      NodeFacts node;
      node.name = "n" + std::to_string(i);
      node.ready = true;
      node.millicores = 1000 * i;
      scene.seen.nodes.push_back(node);
    }
    scene.pod = unscheduled("0/5 nodes are available: 5 Insufficient cpu.");
    CHECK(has(scene.judged().text, "n5 has 5 cpu; n4 has 4 cpu; n3 has 3 cpu; 2 more nodes have no more"));
  }
}

TEST_CASE("a node that goes while the pod runs") {
  Scene scene;
  PodDocument document = ready_pod();
  document.ready = false;
  scene.pod = document.object();
  scene.pod_event("NodeNotReady", "Node is not ready");
  CHECK(scene.reason() == "node-not-ready");
  NodeFacts node;
  node.name = "node1";
  node.ready = true;
  scene.seen.nodes = {node};
  CHECK(scene.reason() == "not-ready");
  scene.pod = ready_pod().object();
  CHECK(scene.reason() == "ready");
}
