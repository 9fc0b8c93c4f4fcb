#include "components/kubernetes/event_log.hpp"

#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/judges.hpp"

#include <nlohmann/json.hpp>

#include <time.h>

#include <algorithm>

namespace raibid {

namespace {

/// A StatefulSet makes its claims before its pod, and times have whole seconds.
constexpr long long before_the_pod = 2;
constexpr long long never = 0;

long long seconds_of(const std::string& time) {
  struct tm parts {};
  return ::strptime(time.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts) == nullptr ? never
                                                                           : static_cast<long long>(::timegm(&parts));
}

int occurrences(const nlohmann::json& event) {
  // events.k8s.io counts in a series, and the core API shows it so
  return static_cast<int>(
      std::max({std::int64_t{1}, number_at(event, {"count"}), number_at(event, {"series", "count"})}));
}

SeenEvent read_event(const nlohmann::json& event) {
  SeenEvent seen;
  seen.kind = text_at(event, {"involvedObject", "kind"});
  seen.name = text_at(event, {"involvedObject", "name"});
  seen.uid = text_at(event, {"involvedObject", "uid"});
  seen.container = between(text_at(event, {"involvedObject", "fieldPath"}), "ontainers{", "}");
  seen.reason = text_at(event, {"reason"});
  seen.message = text_at(event, {"message"});
  seen.count = occurrences(event);
  return seen;
}

}  // namespace

bool EventLog::concerns_us(const SeenEvent& event) const {
  if (event.kind == "StatefulSet") return event.name == m_workload;
  if (event.kind == "Pod") return event.name.starts_with(m_workload + "-");
  return event.kind == "PersistentVolumeClaim" && contains(event.name, "-" + m_workload + "-");
}

void EventLog::take(const nlohmann::json& event, bool listed, TimePoint now) {
  SeenEvent seen = read_event(event);
  if (!concerns_us(seen)) return;
  const auto [place, is_new] = m_entries.try_emplace(text_at(event, {"metadata", "uid"}));
  Entry& entry = place->second;
  if (is_new) {
    entry.listed = listed;
    entry.base = listed ? seen.count : 0;
    entry.created = seconds_of(text_at(event, {"metadata", "creationTimestamp"}));
  } else if (seen.count <= entry.event.count) {
    return;  // a later child lists it again
  }
  entry.event = std::move(seen);
  entry.order = ++m_order;
  entry.last = now;
}

void EventLog::born(const std::string& creation_time) {
  const long long time = seconds_of(creation_time);
  if (time != never && (m_born == never || time < m_born)) m_born = time;
}

int EventLog::fresh(const Entry& entry) const {
  const bool ours = m_born != never && entry.created != never && entry.created + before_the_pod >= m_born;
  return entry.event.count - (ours ? 0 : entry.base);
}

std::vector<SeenEvent> EventLog::seen(TimePoint workload_from) const {
  std::vector<const Entry*> entries;
  for (const auto& [uid, entry] : m_entries) {
    if (entry.event.kind == "StatefulSet" && entry.last < workload_from) continue;
    entries.push_back(&entry);
  }
  std::sort(entries.begin(), entries.end(), [](const Entry* a, const Entry* b) { return a->order < b->order; });
  std::vector<SeenEvent> all;
  for (const Entry* entry : entries) {
    all.push_back(entry->event);
    all.back().fresh = fresh(*entry);
  }
  return all;
}

std::string EventLog::claim_news() const {
  const Entry* news = nullptr;
  for (const auto& [uid, entry] : m_entries) {
    if (entry.event.kind != "PersistentVolumeClaim" || fresh(entry) < 1) continue;
    if (news == nullptr || entry.order > news->order) news = &entry;
  }
  return news == nullptr ? "" : news->event.name;
}

}  // namespace raibid
