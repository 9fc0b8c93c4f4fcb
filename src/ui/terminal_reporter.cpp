#include "ui/terminal_reporter.hpp"

#include "ui/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace raibid {

namespace {

constexpr std::size_t margin = 4;  // two blanks, the mark, a blank
constexpr std::size_t name_width = 14;
constexpr std::size_t widest_line = 98;       // where the elapsed time ends, unless the detail is longer
constexpr std::size_t narrowest_detail = 20;  // with less room the detail begins on a line of its own
constexpr std::size_t time_gap = 2;
constexpr auto frame_time = std::chrono::milliseconds(80);

constexpr std::array<std::string_view, 10> spinner = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
constexpr std::array<std::string_view, 4> ascii_spinner = {"|", "/", "-", "\\"};

std::string blanks(std::size_t count) { return std::string(count, ' '); }

}  // namespace

void TerminalReporter::step_started(std::string_view name) {
  if (m_options.quiet) return;
  const Instant now = m_options.now();
  m_live = LiveStep{clean(name), "", now, now};
  draw_live("");
}

void TerminalReporter::step_progress(std::string_view name, std::string_view text) {
  if (m_options.quiet) return;
  const Instant now = m_options.now();
  const std::string shown_name = clean(name);
  const std::string shown_text = clean(text);
  if (!m_live || m_live->name != shown_name) m_live = LiveStep{shown_name, "", now, now};
  const bool next_frame = now - m_live->drawn >= frame_time;
  if (!next_frame && m_live->text == shown_text && m_drawn_width > 0) return;
  m_live->text = shown_text;
  if (next_frame) {
    m_live->drawn = now;
    ++m_live->frame;
  }
  draw_live("");
}

void TerminalReporter::step_ended(std::string_view name, Mark mark, std::string_view detail,
                                  std::chrono::milliseconds elapsed) {
  if (m_live && m_live->name == clean(name)) {
    erase_live();
    m_live.reset();
  }
  if (m_options.quiet && (mark == Mark::done || mark == Mark::unchanged)) return;
  write_lines(ended_line(clean(name), mark, clean(detail), format_elapsed(elapsed)));
}

void TerminalReporter::write_lines(const std::string& lines) {
  if (m_live) {
    draw_live(lines);
  } else {
    write(lines);
  }
}

void TerminalReporter::write_question(const std::string& question) {
  erase_live();
  write(question);
}

std::size_t TerminalReporter::usable_width() const {
  return static_cast<std::size_t>(std::max(m_terminal.width() - 1, 1));
}

std::string TerminalReporter::mark_text(Mark mark) const {
  switch (mark) {
    case Mark::done:
      return painted(Color::green, m_terminal.utf8 ? "✓" : "+");
    case Mark::unchanged:
      return painted(Color::dim, "-");
    case Mark::warning:
      return painted(Color::yellow, "!");
    case Mark::failed:
      return painted(Color::red, m_terminal.utf8 ? "✗" : "x");
  }
  return "";
}

std::string TerminalReporter::live_line(const LiveStep& step) const {
  const std::string_view frame =
      m_terminal.utf8 ? spinner[step.frame % spinner.size()] : ascii_spinner[step.frame % ascii_spinner.size()];
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(m_options.now() - step.started).count();
  const std::string time = seconds > 0 ? fmt::format("{}{} s", blanks(time_gap), seconds) : "";
  const std::string_view ellipsis = m_terminal.utf8 ? "…" : "...";

  const std::size_t width = usable_width();
  const std::string head =
      blanks(2) + std::string(frame) + ' ' + (step.text.empty() ? step.name : padded(step.name, name_width - 1) + ' ');
  const std::size_t taken = std::min(width, display_width(time));
  return shortened(shortened(head + step.text, width - taken, ellipsis) + time, width, "");
}

std::string TerminalReporter::ended_line(std::string_view name, Mark mark, std::string_view detail,
                                         const std::string& elapsed) const {
  const std::size_t width = usable_width();
  const std::string head = padded(name, name_width - 1) + ' ';
  const std::size_t column = margin + display_width(head);
  const std::size_t tail = elapsed.empty() ? 0 : time_gap + display_width(elapsed);
  if (width < column + narrowest_detail + tail) return ended_line_folded(name, mark, detail);

  const std::vector<std::string> lines = folded(detail, width - column - tail);
  std::string first = head + lines.front();
  if (!elapsed.empty()) {
    const std::size_t end = margin + display_width(first);
    const std::size_t time_at = std::max(std::min(width, widest_line) - display_width(elapsed), end + time_gap);
    first += blanks(time_at - end) + painted(Color::dim, elapsed);
  }
  first.erase(first.find_last_not_of(' ') + 1);
  std::string out = blanks(2) + mark_text(mark) + ' ' + first + '\n';
  for (std::size_t i = 1; i < lines.size(); ++i) out += blanks(column) + lines[i] + '\n';
  return out;
}

std::string TerminalReporter::ended_line_folded(std::string_view name, Mark mark, std::string_view detail) const {
  const std::size_t width = usable_width();
  const std::size_t indent = std::min(margin, width - 1);
  std::string out =
      (width > margin ? blanks(2) + mark_text(mark) + ' ' : "") + shortened(name, width - indent, "") + '\n';
  for (const std::string& line : folded(detail, width - indent)) {
    if (!line.empty()) out += blanks(indent) + line + '\n';
  }
  return out;
}

std::string TerminalReporter::erasing() const {
  if (m_drawn_width == 0) return "";
  const std::size_t columns = usable_width() + 1;
  const std::size_t rows_below_first = (m_drawn_width - 1) / columns;
  return (rows_below_first == 0 ? "" : fmt::format("\x1b[{}A", rows_below_first)) + "\r\x1b[J";
}

void TerminalReporter::erase_live() {
  if (m_drawn_width == 0) return;
  write(erasing());
  m_drawn_width = 0;
}

/// One write for all of it, so that nothing flickers.
void TerminalReporter::draw_live(const std::string& before) {
  const std::string line = live_line(*m_live);
  write(erasing() + before + line);
  m_drawn_width = display_width(line);
}

}  // namespace raibid
