#pragma once

#include <nlohmann/json.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "components/kubernetes/verdict.hpp"
#include "sys/process.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// Watches what one release runs: its pods and the namespace's events, each by a `kubectl get -w` that is started before it
/// is needed and started again when it ends. Feed it with Runner::wait on `processes`, then `pump`.
class Rollout {
 public:
  /// `selector` finds the release's pods; `workload` is its StatefulSet's name. Events that are older than the start of
  /// the watch do not count: they belong to an earlier run.
  Rollout(Runner& runner, const Clock& clock, const Kubectl& kubectl, std::string selector, std::string workload);

  void start();
  std::vector<Process*> processes() const;
  /// Takes in what the watches have said. Throws Error when a watch fails for good (no rights, no server for longer than
  /// the grace of that).
  void pump();

  /// Only a pod of this controller revision counts (a change that rolls the pod), and not one that is being deleted.
  void expect_revision(std::string controller_revision_hash);

  /// The name of the pod that counts once the API shows it Running, else "".
  std::string running_pod() const;
  bool ready() const;
  /// When the API first showed it Running.
  std::optional<TimePoint> running_since() const;

  /// What it waits for now, or why it cannot succeed: the verdict with its grace applied.
  Verdict verdict();

 private:
  Runner& m_runner;
  const Clock& m_clock;
  const Kubectl& m_kubectl;
  std::string m_selector;
  std::string m_workload;
};

}  // namespace raibid
