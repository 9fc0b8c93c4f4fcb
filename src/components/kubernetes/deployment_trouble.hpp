#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "components/kubernetes/verdict.hpp"
#include "sys/process.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// Why the pods of a Deployment do not get ready: for whoever waits for them. They are judged as a Rollout judges those
/// of a StatefulSet, but by looks now and then, because they are there long before they are waited for.
class DeploymentTrouble {
 public:
  /// `selector` finds its pods; `image_option` is what chooses their image, in hints.
  DeploymentTrouble(Runner& runner, const Kubectl& kubectl, std::string selector, std::string name,
                    std::string image_option);

  /// What keeps the first of its pods that is not Ready, and how long to wait for it. Within two seconds of the last
  /// look it is that look's answer. std::nullopt when all are Ready, or when there is no pod and no event says why.
  std::optional<Verdict> look(TimePoint until);

 private:
  std::optional<Judgement> judge_pods(TimePoint until) const;

  Runner& m_runner;
  const Kubectl& m_kubectl;
  std::string m_selector, m_name, m_image_option;
  std::optional<TimePoint> m_looked;
  std::optional<Verdict> m_verdict;
  std::string m_subject;  ///< what stands since m_since
  TimePoint m_since{};
};

}  // namespace raibid
