#include "sys/timeline.hpp"

#include "base/strings.hpp"

#include <fmt/format.h>

#include <chrono>

namespace raibid {

namespace {

constexpr std::size_t longest = 140;

double seconds(TimePoint::duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

std::size_t Timeline::begin(Kind kind, std::string_view what, std::string_view whole) {
  std::string shown = printable(what.substr(0, longest));
  if (what.size() > longest) shown += " …";
  m_entries.push_back({kind, std::move(shown), m_clock.now()});
  if (m_listener) m_listener(kind, false, printable(whole.empty() ? what : whole));
  return m_entries.size() - 1;
}

void Timeline::end(std::size_t number, std::string_view how) {
  Entry& entry = m_entries.at(number);
  if (entry.ended) return;
  entry.ended = true;
  entry.end = m_clock.now();
  entry.how = how;
  if (m_listener)
    m_listener(entry.kind, true,
               fmt::format("{}: {:.3f} s{}", entry.what, seconds(entry.end - entry.begin),
                           entry.how.empty() ? "" : ", " + entry.how));
}

std::string Timeline::text() const {
  std::string text = "   start      took  what\n";
  for (const Entry& entry : m_entries) {
    const std::string took = entry.ended ? fmt::format("{:.3f} s", seconds(entry.end - entry.begin)) : "…";
    const std::string how = entry.how.empty() ? "" : fmt::format(" ({})", entry.how);
    text += fmt::format("{:>6.3f} s  {:>8}  {}{}\n", seconds(entry.begin - m_start), took, entry.what, how);
  }
  return text + fmt::format("{:>6.3f} s            end\n", seconds(m_clock.now() - m_start));
}

}  // namespace raibid
