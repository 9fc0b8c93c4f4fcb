#pragma once

#include "components/kubernetes/event_log.hpp"
#include "components/kubernetes/pod_table.hpp"
#include "components/kubernetes/question.hpp"
#include "components/kubernetes/resource_watch.hpp"
#include "components/kubernetes/verdict.hpp"
#include "sys/process.hpp"
#include "tools/kubectl.hpp"

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace raibid {

/// Watches what one release runs: its pods and the namespace's events, each by a `kubectl get -w` that is started
/// before it is needed and started again when it ends. Feed it with Runner::wait on `processes`, then `pump`; call it
/// at least four times a second, because graces run out without news.
class Rollout {
 public:
  /// `selector` finds the release's pods; `workload` is its StatefulSet's name. What is older than the start of the
  /// watch does not count: it belongs to an earlier run.
  Rollout(Runner& runner, const Clock& clock, const Kubectl& kubectl, const std::string& selector,
          std::string workload);
  ~Rollout();
  Rollout(const Rollout&) = delete;
  Rollout& operator=(const Rollout&) = delete;

  /// The namespace is of this run's making: all that a watch finds in it counts, however late it starts.
  void expect_nothing_older() { m_nothing_older = true; }
  /// So many pods the StatefulSet has when it is ready; 1 unless told.
  void expect_pods(std::size_t number) { m_wanted_pods = number; }
  /// The container that does not decide: an exporter. Without it the pod may be as ready as Redis is.
  void set_aside(std::string container) { m_aside = std::move(container); }
  /// The StatefulSet has been made: from here on one without a pod is looked at.
  void expect_workload();
  void start();  ///< a second call does nothing
  std::vector<Process*> processes() const;
  /// Takes in what the watches have said. Throws Error when a watch fails for good (no rights, no server for longer
  /// than the grace of that).
  void pump();

  /// A StatefulSet that is there is about to be changed: until `expect_revision` says which pods the change makes, no
  /// pod counts and nothing is doomed. What failed before is why it is being changed.
  void expect_change();

  /// Only a pod of this controller revision counts (a change that rolls the pod), and not one that is being deleted.
  void expect_revision(std::string controller_revision_hash);

  /// The name of the pod that counts once the API shows it Running, else "".
  std::string running_pod() const;
  /// The pods are Ready, or would be without the container that was set aside.
  bool ready() const;
  /// Ready without the container that was set aside: it is starting, or fails.
  bool waits_for_aside() const;
  /// Why that container does not run; nothing while it is starting.
  std::optional<Verdict> aside_trouble() const;
  /// When the API first showed it Running.
  std::optional<TimePoint> running_since() const;

  /// What it waits for now, or why it cannot succeed: the verdict with its grace applied.
  Verdict verdict();

 private:
  std::vector<const nlohmann::json*> counting() const;
  Observation observe() const;
  TimePoint workload_events_from() const;

  void pump_watches();
  void check_outage(const ResourceWatch& watch) const;
  bool in_outage() const;
  std::optional<Verdict> outage_verdict() const;

  void take_answers();
  void ask_for(const Judgement& judgement);
  void ask_for_claim(const Judgement& judgement);
  void ask_for_nodes(const Judgement& judgement);
  void ask_for_log(const Judgement& judgement);
  void ask_for_workload(const Judgement& judgement);
  void ask_for_words(const Judgement& judgement);
  void ask_for_server();
  /// How long the same reason and subject have stood.
  Duration standing(const Judgement& judgement);
  void add_log(const Judgement& judgement, Verdict& verdict) const;

  const Clock& m_clock;
  const Kubectl& m_kubectl;
  std::string m_workload;
  std::string m_aside;
  TimePoint m_workload_made = TimePoint::max();

  ResourceWatch m_pod_watch;
  ResourceWatch m_event_watch;
  PodTable m_pods;
  EventLog m_events;
  int m_pod_generation = 0;

  Question m_claim_question;
  Question m_node_question;
  Question m_requests_question;
  Question m_log_question;
  Question m_server_question;
  Question m_workload_question;
  Question m_words_question;
  std::unique_ptr<nlohmann::json> m_claim;
  std::unique_ptr<nlohmann::json> m_set;  ///< the StatefulSet
  bool m_set_is_gone = false;
  std::string m_words;                ///< the last lines of the container that is not ready
  std::string m_words_of = "nobody";  ///< the id of the container that was asked for them last
  std::unique_ptr<nlohmann::json> m_node_list;
  std::unique_ptr<nlohmann::json> m_pod_list;  ///< of all namespaces: what is requested on the nodes
  std::vector<NodeFacts> m_nodes;
  std::string m_log_of;              ///< the ended container whose log was asked for
  std::optional<std::string> m_log;  ///< its last lines, or why they could not be read

  bool m_started = false;
  bool m_nothing_older = false;
  std::size_t m_wanted_pods = 1;
  bool m_change_pending = false;
  TimePoint m_change_announced = TimePoint::min();
  TimePoint m_revision_known = TimePoint::min();
  std::string m_subject;  ///< what stands since m_since
  TimePoint m_since{};
};

}  // namespace raibid
