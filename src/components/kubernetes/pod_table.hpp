#pragma once

#include "sys/clock.hpp"

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace raibid {

/// The pods of one StatefulSet as the watch has told of them.
class PodTable {
 public:
  explicit PodTable(std::string workload);
  ~PodTable();
  PodTable(const PodTable&) = delete;
  PodTable& operator=(const PodTable&) = delete;

  enum class News { none, born, other };
  /// A document of the watch. `born` when the pod is one that has just been made.
  News take(const std::string& type, const nlohmann::json& pod, bool listed, TimePoint now);

  /// Another child lists again: what it does not name until `forget_stale` is gone.
  void mark_stale();
  void forget_stale();
  bool has_stale() const;

  /// Only pods of this controller revision count; "" for all.
  void expect_revision(std::string revision);

  /// Those that count: not being deleted, and of the revision expected. By name.
  std::vector<const nlohmann::json*> counting() const;
  /// One that does not count, the one being deleted first; nullptr when there is none.
  const nlohmann::json* former() const;
  /// When the API first showed it Running.
  std::optional<TimePoint> running_since(const nlohmann::json& pod) const;
  /// How often its containers had been restarted before this program saw it.
  std::map<std::string, int> earlier_restarts(const nlohmann::json& pod) const;

  bool replaced() const { return m_replaced; }
  int lost() const { return static_cast<int>(m_lost.size()); }
  const std::string& loss() const { return m_loss; }

  static bool is_running(const nlohmann::json& pod);

 private:
  struct Entry;
  bool counts(const nlohmann::json& pod) const;
  void note_fate(const nlohmann::json& pod);

  std::string m_workload;
  std::string m_revision;
  std::map<std::string, std::unique_ptr<Entry>> m_entries;  ///< by name and uid
  bool m_replaced = false;
  std::set<std::string> m_lost;  ///< uids of pods that failed as a whole
  std::string m_loss;
};

}  // namespace raibid
