#include "base/cron.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "base/strings.hpp"

namespace raibid {

namespace {

constexpr std::array<std::string_view, 12> month_names = {"jan", "feb", "mar", "apr", "may", "jun",
                                                          "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> day_names = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr std::array<std::string_view, 7> systemd_days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

struct Field {
  int first, last;
  std::vector<std::string_view> names{};
  int name_base = 0;
};

std::optional<int> number_in(const std::string& text, const Field& field) {
  const std::string word = to_lower(text);
  const auto named = std::find(field.names.begin(), field.names.end(), word);
  if (named != field.names.end()) return field.name_base + static_cast<int>(named - field.names.begin());
  int number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (word.empty() || error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

/// "*", "5", "1-5", "*/10", "1-5/2", "5/15" (from 5 on), and lists of these.
bool take_field(const std::string& text, const Field& field, std::set<int>& values) {
  for (const std::string& part : split(text, ',')) {
    const std::size_t slash = part.find('/');
    const std::string range = part.substr(0, slash);
    int step = 1;
    if (slash != std::string::npos) {
      const auto given = number_in(part.substr(slash + 1), {0, 0});
      if (!given || *given < 1) return false;
      step = *given;
    }
    int from = field.first, to = field.last;
    if (range != "*" && range != "?") {
      const std::size_t dash = range.find('-');
      const auto low = number_in(range.substr(0, dash), field);
      if (!low) return false;
      from = *low;
      to = slash != std::string::npos ? field.last : from;
      if (dash != std::string::npos) {
        const auto high = number_in(range.substr(dash + 1), field);
        if (!high) return false;
        to = *high;
      }
    }
    if (from < field.first || to > field.last || from > to) return false;
    for (int value = from; value <= to; value += step) values.insert(value);
  }
  return !values.empty();
}

std::string expanded(const std::string& text) {
  static const std::map<std::string, std::string> shortcuts = {
      {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
      {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}};
  const auto found = shortcuts.find(text);
  return found == shortcuts.end() ? text : found->second;
}

std::string listed(const std::set<int>& values, int first, int last, const char* form) {
  if (static_cast<int>(values.size()) == last - first + 1) return "*";
  std::vector<std::string> words;
  for (const int value : values) words.push_back(fmt::format(fmt::runtime(form), value));
  return join(words, ",");
}

}  // namespace

std::optional<CronSchedule> CronSchedule::parse(const std::string& text) {
  std::vector<std::string> fields = split(expanded(text), ' ');
  if (fields.size() != 5) return std::nullopt;
  CronSchedule schedule;
  const bool good = take_field(fields[0], {0, 59}, schedule.m_minutes) &&
                    take_field(fields[1], {0, 23}, schedule.m_hours) &&
                    take_field(fields[2], {1, 31}, schedule.m_days) &&
                    take_field(fields[3], {1, 12, {month_names.begin(), month_names.end()}, 1}, schedule.m_months) &&
                    take_field(fields[4], {0, 6, {day_names.begin(), day_names.end()}}, schedule.m_week_days);
  if (!good) return std::nullopt;
  const auto is_star = [](const std::string& field) { return field.starts_with('*') || field.starts_with('?'); };
  schedule.m_every_day = is_star(fields[2]);
  schedule.m_every_week_day = is_star(fields[4]);

  using namespace std::chrono;
  const auto minute_of_day = [&](bool first) {
    return first ? *schedule.m_hours.begin() * 60 + *schedule.m_minutes.begin()
                 : *schedule.m_hours.rbegin() * 60 + *schedule.m_minutes.rbegin();
  };
  int longest = 0, before = -1;
  for (const int hour : schedule.m_hours) {
    for (const int minute : schedule.m_minutes) {
      if (before >= 0) longest = std::max(longest, hour * 60 + minute - before);
      before = hour * 60 + minute;
    }
  }
  // any four years, of which one has a 29 February
  const sys_days begin = 2023y / January / 1;
  std::optional<sys_days> last;
  for (sys_days day = begin; day < begin + days(2 * 1461); day += days(1)) {
    if (!schedule.runs_on(day)) continue;
    if (last) {
      const int apart = static_cast<int>((day - *last).count()) * 24 * 60;
      longest = std::max(longest, apart + minute_of_day(true) - minute_of_day(false));
    }
    last = day;
  }
  if (!last || longest == 0) return std::nullopt;
  schedule.m_gap = minutes(longest);
  return schedule;
}

bool CronSchedule::runs_on(std::chrono::sys_days day) const {
  const std::chrono::year_month_day date(day);
  if (!m_months.contains(static_cast<int>(static_cast<unsigned>(date.month())))) return false;
  const bool of_month = m_days.contains(static_cast<int>(static_cast<unsigned>(date.day())));
  const bool of_week = m_week_days.contains(static_cast<int>(std::chrono::weekday(day).c_encoding()));
  return m_every_day || m_every_week_day ? of_month && of_week : of_month || of_week;
}

std::vector<std::string> CronSchedule::systemd_calendars() const {
  const std::string time = listed(m_hours, 0, 23, "{:02}") + ":" + listed(m_minutes, 0, 59, "{:02}") + ":00";
  const std::string months = listed(m_months, 1, 12, "{:02}");
  const std::string dates = listed(m_days, 1, 31, "{:02}");
  std::vector<std::string> names;
  for (const int day : m_week_days) names.emplace_back(systemd_days.at(static_cast<std::size_t>(day)));
  const std::string week = names.size() == systemd_days.size() ? "" : join(names, ",") + " ";
  if (m_every_day || m_every_week_day) return {fmt::format("{}*-{}-{} {}", week, months, dates, time)};
  return {fmt::format("*-{}-{} {}", months, dates, time), fmt::format("{}*-{}-* {}", week, months, time)};
}

}  // namespace raibid
