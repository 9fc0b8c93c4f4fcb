#include "components/kubernetes/rollout.hpp"

#include "fakes/fake_runner.hpp"
#include "unit/components/kubernetes/documents.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

using namespace raibid;
using namespace raibid::test;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using State = Verdict::State;

namespace {

const std::string quota_refusal =
    "create Pod app-master-0 in StatefulSet app-master failed error: pods \"app-master-0\" is forbidden: exceeded "
    "quota: small, "
    "requested: requests.memory=256Mi, used: requests.memory=0, limited: requests.memory=128Mi";

struct Watched {
  FakeRunner runner;
  Kubectl kubectl{runner, Cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""}, "apps"};
  Rollout rollout{runner, runner.clock(), kubectl, "app=app", "app-master"};
  ChildScript* pods = &expect_watch("pods");
  ChildScript* events = &expect_watch("events");

  ChildScript& expect_watch(const std::string& kind) {
    return runner.expect_stream(argv_has({"get", kind, "-w", "--output-watch-events"}));
  }

  /// As the callers do: wait for news or a quarter of a second, pump, ask for the verdict.
  Verdict after(Duration duration) {
    const TimePoint until = runner.now() + duration;
    Verdict verdict;
    do {
      runner.wait(rollout.processes(), std::min(until, runner.now() + milliseconds(250)));
      rollout.pump();
      verdict = rollout.verdict();
    } while (runner.now() < until);
    return verdict;
  }
};

Output list_of(std::vector<json> items) { return {0, json{{"kind", "List"}, {"items", std::move(items)}}.dump(), ""}; }

EventDocument refusal(int count) {
  EventDocument event;
  event.message = quota_refusal;
  event.count = count;
  return event;
}

}  // namespace

TEST_CASE("two watches are started, and a pod that becomes Ready needs nothing else") {
  Watched w;
  w.rollout.start();
  CHECK(w.rollout.processes().size() == 2);
  CHECK(w.runner.call("get pods").line().find("-l app=app") != std::string::npos);
  CHECK(w.runner.call("get events").line().find("-l") == std::string::npos);
  CHECK(w.after(seconds(1)).reason == "no-pod");

  PodDocument pod;
  w.pods->says(added(pod.object()));
  pod.state = waiting_for("ContainerCreating");
  w.pods->says(modified(pod.object())).after(milliseconds(100));
  const Verdict creating = w.after(milliseconds(500));
  CHECK(creating.reason == "container-creating");
  CHECK(w.rollout.running_pod().empty());
  CHECK_FALSE(w.rollout.running_since());

  pod.phase = "Running";
  pod.state = running();
  w.pods->says(modified(pod.object()));
  const TimePoint running_at = w.runner.now();
  CHECK(w.after(seconds(1)).reason == "not-ready");
  CHECK(w.rollout.running_pod() == "app-master-0");
  CHECK(w.rollout.running_since() == running_at);
  CHECK_FALSE(w.rollout.ready());

  w.pods->says(modified(ready_pod().object()));
  CHECK(w.after(seconds(1)).state == State::ready);
  CHECK(w.rollout.ready());
  CHECK(w.rollout.running_since() == running_at);
}

TEST_CASE("an event from before the start counts once it happens again") {
  Watched w;
  w.rollout.start();
  w.events->says(added(refusal(9).object()));
  CHECK(w.after(seconds(40)).reason == "no-pod");
  w.events->says(modified(refusal(10).object()));
  const Verdict verdict = w.after(milliseconds(1));
  CHECK(verdict.state == State::doomed);
  CHECK(verdict.reason == "quota");
}

TEST_CASE("in a namespace of the run's own making an event counts though it came before the watch") {
  Watched w;
  w.rollout.expect_nothing_older();
  w.rollout.start();
  w.events->says(added(refusal(1).object()));
  CHECK(w.after(milliseconds(1)).reason == "quota");
}

TEST_CASE("an event that comes after what was there counts at once") {
  Watched w;
  w.rollout.start();
  EventDocument other;
  other.name = "someone-else";
  w.events->says(added(other.object()));
  CHECK(w.after(seconds(1)).reason == "no-pod");
  w.events->says(added(refusal(1).object()));
  CHECK(w.after(milliseconds(1)).state == State::doomed);
}

TEST_CASE("an event that is younger than a new pod counts though it came with what was there") {
  Watched w;
  w.rollout.start();
  PodDocument pod;
  json newborn = pod.object();
  newborn["status"] = {{"phase", "Pending"}};
  newborn["spec"].erase("nodeName");
  newborn["spec"]["volumes"] = {{{"name", "data"}, {"persistentVolumeClaim", {{"claimName", "data-app-master-0"}}}}};
  EventDocument failed;
  failed.kind = "PersistentVolumeClaim";
  failed.name = "data-app-master-0";
  failed.reason = "ProvisioningFailed";
  failed.message = "storageclass.storage.k8s.io \"absent\" not found";
  SUBCASE("younger") { failed.created = "2026-01-31T09:08:06Z"; }
  SUBCASE("of an earlier run") { failed.created = "2026-01-31T09:07:00Z"; }
  w.events->says(added(failed.object()));
  w.pods->says(added(newborn));
  CHECK((w.after(milliseconds(200)).state == State::doomed) == (failed.created == "2026-01-31T09:08:06Z"));
}

TEST_CASE("a pod that appears ends what kept it from being made") {
  Watched w;
  w.rollout.start();
  EventDocument denied;
  denied.message =
      "create Pod app-master-0 in StatefulSet app-master failed error: Internal error occurred: failed calling webhook "
      "\"guard\": EOF";
  w.events->says(added(denied.object()));
  denied.count = 2;
  w.events->says(modified(denied.object()));
  CHECK(w.after(seconds(5)).reason == "webhook");
  EventDocument made;
  made.reason = "SuccessfulCreate";
  made.message = "create Pod app-master-0 in StatefulSet app-master successful";
  made.uid = "event-2";
  w.events->says(added(made.object()));
  w.pods->says(added(ready_pod().object()));
  CHECK(w.after(seconds(1)).state == State::ready);
  w.pods->says(said("DELETED", ready_pod().object()));
  CHECK(w.after(seconds(40)).reason == "no-pod");  // and not the webhook of long ago
}

TEST_CASE("before a change nothing that is there counts, after it only the new revision") {
  Watched w;
  w.rollout.start();
  PodDocument broken;
  broken.state = waiting_for("InvalidImageName", "couldn't parse image name");
  w.pods->says(added(broken.object()));
  w.events->says(added(refusal(3).object()));
  w.rollout.expect_change();
  w.events->says(modified(refusal(4).object())).after(milliseconds(300));
  CHECK(w.after(seconds(3)).reason == "change");
  w.rollout.expect_revision("rev-2");
  CHECK(w.after(milliseconds(500)).reason == "old-pod");
  broken.deleted = true;
  w.pods->says(modified(broken.object()));
  CHECK(w.after(milliseconds(500)).reason == "pod-ending");

  PodDocument next = ready_pod();
  next.uid = "pod-2";
  next.revision = "rev-2";
  w.pods->says(said("DELETED", broken.object())).says(added(next.object()));
  CHECK(w.after(seconds(1)).state == State::ready);
  CHECK(w.rollout.running_pod() == "app-master-0");
}

TEST_CASE("pods that were given up before a change are not held against it") {
  Watched w;
  w.rollout.start();
  PodDocument lost;
  for (const char* uid : {"pod-1", "pod-2", "pod-3"}) {
    lost.uid = uid;
    lost.phase = "Failed";
    w.pods->says(added(lost.object())).says(said("DELETED", lost.object()));
  }
  CHECK(w.after(seconds(1)).reason == "pod-failed");
  w.rollout.expect_change();
  w.rollout.expect_revision("rev-2");
  PodDocument next;
  next.uid = "pod-4";
  next.revision = "rev-2";
  next.state = waiting_for("ContainerCreating");
  w.pods->says(added(next.object()));
  CHECK(w.after(seconds(1)).reason == "container-creating");
}

TEST_CASE("a refusal during the change counts when the change has not ended it") {
  Watched w;
  w.rollout.start();
  CHECK(w.after(seconds(1)).reason == "no-pod");
  w.rollout.expect_change();
  w.events->says(added(refusal(1).object())).says(modified(refusal(2).object())).after(milliseconds(20));
  w.after(milliseconds(500));
  w.rollout.expect_revision("rev-2");
  CHECK(w.after(milliseconds(1500)).state == State::waiting);
  CHECK(w.after(milliseconds(600)).reason == "quota");
}

TEST_CASE("a pod of the previous revision that stays is named after half a minute") {
  Watched w;
  w.rollout.start();
  w.pods->says(added(ready_pod().object()));
  w.after(seconds(1));
  w.rollout.expect_revision("rev-2");
  CHECK_FALSE(w.rollout.ready());
  CHECK(w.rollout.running_pod().empty());
  CHECK(w.after(seconds(29)).state == State::waiting);
  const Verdict verdict = w.after(seconds(2));
  CHECK(verdict.state == State::doomed);
  CHECK(verdict.reason == "old-pod");
  CHECK(verdict.hint.find("delete pod app-master-0") != std::string::npos);
}

TEST_CASE("the last words of a crashed container are read once and stand in the message") {
  Watched w;
  w.rollout.start();
  PodDocument pod;
  pod.phase = "Running";
  pod.state = terminated(1, "first");
  const auto log = [&](Output output) {
    w.runner.expect(argv_has({"logs", "app-master-0", "-c", "redis"}), std::move(output)).after(milliseconds(400));
  };
  log({0, "*** FATAL CONFIG FILE ERROR\n", ""});
  w.pods->says(added(pod.object()));
  CHECK(w.after(seconds(2)).state == State::waiting);  // once may be an accident

  pod.restarts = 1;
  pod.state = terminated(1, "second");
  SUBCASE("read") {
    log({0, "\nBad directive\nat line 3\n\x1b[2J>>> 'maxmemory lots'\n\n", ""});
    w.pods->says(modified(pod.object()));
    CHECK(w.after(milliseconds(300)).state == State::waiting);
    const Verdict verdict = w.after(milliseconds(400));
    CHECK(verdict.state == State::doomed);
    CHECK(verdict.reason == "crash");
    CHECK(verdict.text.find("exit code 1, twice so far; its last log lines:\n| Bad directive\n| at line 3\n| ") !=
          std::string::npos);
    CHECK(verdict.text.find('\x1b') == std::string::npos);
    CHECK(verdict.text.ends_with("'maxmemory lots'"));
  }
  SUBCASE("not to be read") {
    log({1, "", "Error from server: Get \"https://node1:10250\": dial tcp: i/o timeout\n"});
    w.pods->says(modified(pod.object()));
    const Verdict verdict = w.after(seconds(1));
    CHECK(verdict.state == State::doomed);
    CHECK(verdict.text.find("its log could not be read: Error from server") != std::string::npos);
  }
  SUBCASE("a kubelet that does not answer") {
    ChildScript& silent = w.runner.expect_stream(argv_has({"logs", "app-master-0"}));
    w.pods->says(modified(pod.object()));
    CHECK(w.after(milliseconds(2900)).state == State::waiting);
    CHECK(w.after(milliseconds(400)).state == State::doomed);
    CHECK(silent.ended_by_us());
  }
  // the log of the container before, from when this one runs, is asked for as such
  CHECK(w.runner.calls().back().line().find("--previous") == std::string::npos);
}

TEST_CASE("a Redis that was restarted long ago and now loads its data is not failing") {
  Watched w;
  w.rollout.start();
  PodDocument pod;
  pod.phase = "Running";
  pod.restarts = 7;
  pod.state = running();
  pod.last_state = terminated(137, "long-ago", "OOMKilled");
  w.pods->says(added(pod.object()));
  w.runner.expect(argv_has({"logs", "app-master-0", "--tail=3"}), {0, "Reading RDB base file on AOF loading...\n", ""});
  CHECK(w.after(seconds(60)).reason == "not-ready");
  pod.restarts = 9;
  w.runner.expect(argv_has({"logs", "app-master-0", "--previous"}), {0, "", ""});
  w.pods->says(modified(pod.object()));
  const Verdict verdict = w.after(seconds(1));
  CHECK(verdict.state == State::doomed);
  CHECK(verdict.text.find("it has logged nothing") != std::string::npos);
}

TEST_CASE("a claim is read when its provisioner is slow, and a bound one is no longer to blame") {
  Watched w;
  w.rollout.start();
  w.after(seconds(1));
  PodDocument pod;
  pod.scheduled = false;
  json object = pod.object();
  object["status"] = {{"phase", "Pending"}};
  object["spec"]["volumes"] = {{{"name", "data"}, {"persistentVolumeClaim", {{"claimName", "data-app-master-0"}}}}};
  w.pods->says(added(object));
  EventDocument event;
  event.kind = "PersistentVolumeClaim";
  event.name = "data-app-master-0";
  event.object_uid = "claim-1";
  event.reason = "ExternalProvisioning";
  event.message =
      "Waiting for a volume to be created either by the external provisioner 'rancher.io/local-path' or manually";
  event.created = pod.created;
  w.events->says(added(event.object()));
  CHECK(w.after(milliseconds(1500)).reason == "provisioner");
  CHECK(w.runner.calls().size() == 2);

  json claim = {{"kind", "PersistentVolumeClaim"},
                {"metadata", {{"name", "data-app-master-0"}, {"uid", "claim-1"}}},
                {"spec", {{"storageClassName", "local-path"}, {"resources", {{"requests", {{"storage", "8Gi"}}}}}}},
                {"status", {{"phase", "Pending"}}}};
  w.runner.expect(argv_has({"get", "persistentvolumeclaim/data-app-master-0"}), list_of({claim}));
  const Verdict waiting = w.after(seconds(3));
  CHECK(waiting.state == State::waiting);
  CHECK(waiting.text.find("claim data-app-master-0 (8Gi, StorageClass local-path)") != std::string::npos);
  CHECK(waiting.text.find("rancher.io/local-path") != std::string::npos);

  claim["status"]["phase"] = "Bound";
  w.runner.expect(argv_has({"get", "persistentvolumeclaim/data-app-master-0"}), list_of({claim}));
  CHECK(w.after(seconds(4)).reason == "scheduling");
  CHECK(w.after(seconds(40)).state == State::waiting);
}

TEST_CASE("thirty seconds count from the last change of what the scheduler says") {
  Watched w;
  w.rollout.start();
  w.after(seconds(1));
  for (int i = 0; i < 20; ++i) {
    w.runner.expect(argv_has({"get", "nodes"}),
                    {1, "", "Error from server (Forbidden): nodes is forbidden: User \"x\" cannot list\n"});
  }
  PodDocument pod;
  pod.scheduled = false;
  json object = pod.object();
  const auto says = [&](const std::string& message) {
    object["status"]["conditions"] = {
        {{"type", "PodScheduled"}, {"status", "False"}, {"reason", "Unschedulable"}, {"message", message}}};
    return object;
  };
  w.pods->says(added(says("0/1 nodes are available: 1 Insufficient cpu. preemption: not helpful.")));
  CHECK(w.after(seconds(20)).reason == "unschedulable");
  w.pods->says(modified(says("0/2 nodes are available: 2 Insufficient cpu. preemption: not helpful.")));
  CHECK(w.after(seconds(29)).state == State::waiting);
  const Verdict verdict = w.after(seconds(2));
  CHECK(verdict.state == State::doomed);
  CHECK(verdict.text.find("0/2 nodes are available: 2 Insufficient cpu") != std::string::npos);
  CHECK(verdict.text.find(" s now)") != std::string::npos);
  CHECK(verdict.text.find("preemption") == std::string::npos);
  // expectations that nobody used would fail this test: the rest of them is used up here
  while (w.after(seconds(5)).state == State::doomed && w.runner.calls().size() < 22) {
  }
}

TEST_CASE("several pods: all that count have to be Ready") {
  Watched w;
  w.rollout.start();
  PodDocument second;
  second.name = "app-master-1";
  second.uid = "pod-2";
  second.phase = "Running";
  second.state = running();
  PodDocument foreign = ready_pod();
  foreign.uid = "pod-3";
  json replica = foreign.object();
  replica["metadata"]["ownerReferences"][0]["name"] = "app-replicas";
  w.pods->says(added(ready_pod().object())).says(added(second.object())).says(added(replica));
  const Verdict verdict = w.after(seconds(1));
  CHECK_FALSE(w.rollout.ready());
  CHECK(verdict.text.find("app-master-1") != std::string::npos);
}
