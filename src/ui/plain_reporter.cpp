#include "ui/plain_reporter.hpp"

#include "ui/text.hpp"

#include <fmt/format.h>

namespace raibid {

void PlainReporter::step_started(std::string_view name) {
  m_progress.erase(std::string(name));
  if (m_options.verbose && !m_options.quiet) write_step(Color::none, "started", name, "");
}

void PlainReporter::step_progress(std::string_view name, std::string_view text) {
  if (m_options.quiet) return;
  std::string& last = m_progress[std::string(name)];
  if (last == text) return;
  last = text;
  write_step(Color::none, "waiting", name, text);
}

void PlainReporter::step_ended(std::string_view name, Mark mark, std::string_view detail,
                               std::chrono::milliseconds elapsed) {
  m_progress.erase(std::string(name));
  if (m_options.quiet && (mark == Mark::done || mark == Mark::unchanged)) return;
  const std::string time = format_elapsed(elapsed);
  const std::string text =
      time.empty() ? std::string(detail) : fmt::format("{}{}({})", detail, detail.empty() ? "" : " ", time);
  switch (mark) {
    case Mark::done:
      return write_step(Color::green, "ok", name, text);
    case Mark::unchanged:
      return write_step(Color::none, "unchanged", name, text);
    case Mark::warning:
      return write_step(Color::yellow, "warning", name, text);
    case Mark::failed:
      return write_step(Color::red, "failed", name, text);
  }
}

void PlainReporter::write_step(Color color, std::string_view state, std::string_view name, std::string_view text) {
  const std::string head = painted(color, fmt::format("{}:", state)) + ' ' + clean(name);
  write(head + (text.empty() ? "" : ": " + clean(text)) + '\n');
}

}  // namespace raibid
