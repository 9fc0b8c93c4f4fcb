#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace raibid::test {

/// Pods and events as the watch says them: what the tests do not care about is left out.
struct PodDocument {
  std::string uid = "pod-1";
  std::string name = "app-master-0";
  std::string revision = "rev-1";
  std::string phase = "Pending";
  std::string created = "2026-01-31T09:08:07Z";
  bool deleted = false;
  bool scheduled = true;
  bool ready = false;
  int restarts = 0;
  nlohmann::json state = {};  ///< of its container redis; none when null
  nlohmann::json last_state = nlohmann::json::object();

  nlohmann::json object() const {
    nlohmann::json pod = {
        {"kind", "Pod"},
        {"metadata",
         {{"name", name},
          {"uid", uid},
          {"creationTimestamp", created},
          {"labels", {{"controller-revision-hash", revision}}},
          {"ownerReferences", {{{"kind", "StatefulSet"}, {"name", "app-master"}}}}}},
        {"spec",
         {{"containers",
           {{{"name", "redis"}, {"image", "redis:7"}, {"resources", {{"limits", {{"memory", "64Mi"}}}}}}}}}},
        {"status", {{"phase", phase}, {"conditions", {{{"type", "Ready"}, {"status", ready ? "True" : "False"}}}}}}};
    if (deleted) pod["metadata"]["deletionTimestamp"] = "2026-01-31T09:09:00Z";
    if (scheduled) {
      pod["spec"]["nodeName"] = "node1";
      pod["status"]["startTime"] = created;
    }
    if (!state.is_null()) {
      pod["status"]["containerStatuses"] = {{{"name", "redis"},
                                             {"ready", ready},
                                             {"restartCount", restarts},
                                             {"state", state},
                                             {"lastState", last_state}}};
    }
    return pod;
  }
};

inline nlohmann::json running() { return {{"running", {{"startedAt", "2026-01-31T09:08:09Z"}}}}; }

inline nlohmann::json waiting_for(const std::string& reason, const std::string& message = {}) {
  return {{"waiting", {{"reason", reason}, {"message", message}}}};
}

inline nlohmann::json terminated(int code, const std::string& id, const std::string& reason = "Error") {
  return {{"terminated", {{"exitCode", code}, {"containerID", "containerd://" + id}, {"reason", reason}}}};
}

inline PodDocument ready_pod() {
  PodDocument pod;
  pod.phase = "Running";
  pod.ready = true;
  pod.state = running();
  return pod;
}

struct EventDocument {
  std::string kind = "StatefulSet";
  std::string name = "app-master";
  std::string object_uid = "object-1";
  std::string reason = "FailedCreate";
  std::string message;
  int count = 1;
  std::string uid = "event-1";
  std::string created = "2026-01-31T09:00:00Z";
  std::string container = {};

  nlohmann::json object() const {
    nlohmann::json event = {{"kind", "Event"},
                            {"metadata", {{"name", uid}, {"uid", uid}, {"creationTimestamp", created}}},
                            {"involvedObject", {{"kind", kind}, {"name", name}, {"uid", object_uid}}},
                            {"reason", reason},
                            {"message", message},
                            {"count", count}};
    if (!container.empty()) event["involvedObject"]["fieldPath"] = "spec.containers{" + container + "}";
    return event;
  }
};

inline std::string said(const std::string& type, const nlohmann::json& object) {
  return nlohmann::json{{"type", type}, {"object", object}}.dump() + "\n";
}
inline std::string added(const nlohmann::json& object) { return said("ADDED", object); }
inline std::string modified(const nlohmann::json& object) { return said("MODIFIED", object); }

}  // namespace raibid::test
