#pragma once

#include "components/kubernetes/verdict.hpp"
#include "sys/clock.hpp"

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <string>
#include <vector>

namespace raibid {

/// The events of a namespace that are about one StatefulSet, its pods and its claims, each with how often it happened
/// since the rollout began. What came before is told apart without comparing clocks: an event that was there when the
/// first watch began counts only from its next occurrence on, unless it is younger than a pod that this rollout has
/// seen being made (both times are the API server's).
class EventLog {
 public:
  explicit EventLog(std::string workload) : m_workload(std::move(workload)) {}

  /// A document of the watch. `listed` as ResourceWatch says, for the first child; a later child lists what was missed.
  void take(const nlohmann::json& event, bool listed, TimePoint now);

  /// The rollout has seen this pod being made.
  void born(const std::string& creation_time);

  /// In the order in which they happened last. Events of the StatefulSet that happened last before `workload_from` are
  /// left out.
  std::vector<SeenEvent> seen(TimePoint workload_from) const;

  /// The claim that the last event of one names, "" when none does.
  std::string claim_news() const;

 private:
  struct Entry {
    SeenEvent event;
    int base = 0;  ///< occurrences before the rollout began
    bool listed = false;
    long long created = 0;  ///< seconds, by the API server's clock
    unsigned long order = 0;
    TimePoint last{};
  };
  bool concerns_us(const SeenEvent& event) const;
  int fresh(const Entry& entry) const;

  std::string m_workload;
  std::map<std::string, Entry> m_entries;  ///< by the event's uid
  unsigned long m_order = 0;
  long long m_born = 0;  ///< of the first pod that was seen being made; 0 for none
};

}  // namespace raibid
