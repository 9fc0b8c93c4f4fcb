#include "components/kubernetes/pod_table.hpp"

#include "components/kubernetes/json_view.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace raibid {

namespace {

using nlohmann::json;

bool belongs_to(const json& pod, const std::string& workload) {
  for (const json& owner : items_at(pod, {"metadata", "ownerReferences"})) {
    if (text_at(owner, {"kind"}) == "StatefulSet" && text_at(owner, {"name"}) == workload) return true;
  }
  return false;
}

bool is_ending(const json& pod) { return !text_at(pod, {"metadata", "deletionTimestamp"}).empty(); }

/// Nobody has done anything about it yet.
bool is_newborn(const json& pod) {
  return items_at(pod, {"status", "conditions"}).empty() && text_at(pod, {"spec", "nodeName"}).empty();
}

std::map<std::string, int> restarts(const json& pod) {
  std::map<std::string, int> counts;
  for (const std::string_view kind : {"initContainerStatuses", "containerStatuses"}) {
    for (const json& status : items_at(pod, {"status", kind})) {
      counts[text_at(status, {"name"})] = static_cast<int>(number_at(status, {"restartCount"}));
    }
  }
  return counts;
}

std::string key_of(const json& pod) {
  return text_at(pod, {"metadata", "name"}) + " " + text_at(pod, {"metadata", "uid"});
}

}  // namespace

struct PodTable::Entry {
  json pod;
  bool stale = false;
  std::optional<TimePoint> running_since;
  std::map<std::string, int> earlier_restarts;
};

PodTable::PodTable(std::string workload) : m_workload(std::move(workload)) {}
PodTable::~PodTable() = default;

PodTable::News PodTable::take(const std::string& type, const json& pod, bool listed, TimePoint now) {
  if (!belongs_to(pod, m_workload)) return News::none;
  note_fate(pod);
  if (type == "DELETED") {
    m_entries.erase(key_of(pod));
    m_replaced = true;
    return News::other;
  }
  std::unique_ptr<Entry>& entry = m_entries[key_of(pod)];
  const bool is_new = !entry;
  const bool born = is_new && (!listed || is_newborn(pod));
  if (is_new) {
    entry = std::make_unique<Entry>();
    if (!born) entry->earlier_restarts = restarts(pod);
  }
  entry->pod = pod;
  entry->stale = false;
  if (is_running(pod) && !entry->running_since) entry->running_since = now;
  return born ? News::born : News::other;
}

void PodTable::note_fate(const json& pod) {
  if (is_ending(pod)) {
    m_replaced = true;
    return;
  }
  if (text_at(pod, {"status", "phase"}) != "Failed" || !counts(pod)) return;
  m_lost.insert(text_at(pod, {"metadata", "uid"}));
  const std::string reason = text_at(pod, {"status", "reason"});
  const std::string message = text_at(pod, {"status", "message"});
  m_loss = reason + (reason.empty() || message.empty() ? "" : ": ") + message;
  if (m_loss.empty()) m_loss = "its containers ended";
}

void PodTable::expect_revision(std::string revision) {
  m_revision = std::move(revision);
  m_lost.clear();  // those of before the change
}

void PodTable::mark_stale() {
  for (auto& [key, entry] : m_entries) entry->stale = true;
}

void PodTable::forget_stale() {
  if (std::erase_if(m_entries, [](const auto& item) { return item.second->stale; }) > 0) m_replaced = true;
}

bool PodTable::has_stale() const {
  return std::any_of(m_entries.begin(), m_entries.end(), [](const auto& item) { return item.second->stale; });
}

bool PodTable::counts(const json& pod) const {
  if (is_ending(pod)) return false;
  return m_revision.empty() || text_at(pod, {"metadata", "labels", "controller-revision-hash"}) == m_revision;
}

std::vector<const json*> PodTable::counting() const {
  std::vector<const json*> pods;
  for (const auto& [key, entry] : m_entries) {
    if (counts(entry->pod)) pods.push_back(&entry->pod);
  }
  return pods;
}

const json* PodTable::former() const {
  const json* found = nullptr;
  for (const auto& [key, entry] : m_entries) {
    if (counts(entry->pod)) continue;
    if (found == nullptr || is_ending(entry->pod)) found = &entry->pod;
  }
  return found;
}

std::optional<TimePoint> PodTable::running_since(const json& pod) const {
  const auto found = m_entries.find(key_of(pod));
  return found == m_entries.end() ? std::nullopt : found->second->running_since;
}

std::map<std::string, int> PodTable::earlier_restarts(const json& pod) const {
  const auto found = m_entries.find(key_of(pod));
  return found == m_entries.end() ? std::map<std::string, int>() : found->second->earlier_restarts;
}

bool PodTable::is_running(const json& pod) { return text_at(pod, {"status", "phase"}) == "Running"; }

}  // namespace raibid
