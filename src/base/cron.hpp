#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace raibid {

/// When something runs, as cron and the CronJobs of Kubernetes have it: five fields, or @hourly and the like
/// (pkg.go.dev/github.com/robfig/cron/v3, which Kubernetes uses).
class CronSchedule {
 public:
  /// std::nullopt for what is no schedule, and for one that never comes (30 February).
  static std::optional<CronSchedule> parse(const std::string& text);

  /// The longest time between two runs, as it comes in four years.
  std::chrono::seconds longest_gap() const { return m_gap; }
  /// The same for a timer of systemd (systemd.time(7), OnCalendar=): more than one where both the day of the month and
  /// that of the week are named, because cron runs on either.
  std::vector<std::string> systemd_calendars() const;

 private:
  bool runs_on(std::chrono::sys_days day) const;

  std::set<int> m_minutes, m_hours, m_days, m_months, m_week_days;  ///< Sunday is 0
  bool m_every_day = false, m_every_week_day = false;               ///< the field is a star
  std::chrono::seconds m_gap{};
};

}  // namespace raibid
