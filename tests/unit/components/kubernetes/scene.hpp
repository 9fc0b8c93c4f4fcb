#pragma once

#include "base/strings.hpp"
#include "components/kubernetes/verdict.hpp"
#include "support/thrown.hpp"
#include "unit/components/kubernetes/documents.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace raibid::test {

using nlohmann::json;

/// An observation that owns what it points to.
struct Scene {
  json pod, former, claim;
  Observation seen;

  Scene() {
    seen.workload = "app-master";
    seen.name_space = "apps";
    seen.command = [](const std::vector<std::string>& arguments) { return "kubectl " + join(arguments, " "); };
  }
  Judgement judged() {
    seen.pod = pod.is_null() ? nullptr : &pod;
    seen.former = former.is_null() ? nullptr : &former;
    seen.claim = claim.is_null() ? nullptr : &claim;
    return judge(seen);
  }
  std::string reason() { return std::string(judged().reason->name); }

  void pod_event(const std::string& reason, const std::string& message, int count = 1,
                 const std::string& container = {}) {
    seen.events.push_back({"Pod", "app-master-0", "pod-1", container, reason, message, count, count});
  }
  void claim_event(const std::string& reason, const std::string& message) {
    seen.events.push_back({"PersistentVolumeClaim", "data-app-master-0", "claim-1", "", reason, message, 1, 1});
  }
  void refused(const std::string& words, const std::string& reason = "FailedCreate") {
    seen.events.push_back({"StatefulSet", "app-master", "set-1", "", reason, words, 1, 1});
  }
  void pulls(const std::string& words, int count) {
    PodDocument document;
    document.state = waiting_for("ImagePullBackOff", "Back-off pulling image \"redis:7\"");
    pod = document.object();
    pod_event("Failed", "Failed to pull image \"redis:7\": " + words, count, "redis");
  }
};

}  // namespace raibid::test
