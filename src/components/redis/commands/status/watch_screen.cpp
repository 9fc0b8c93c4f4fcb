#include "components/redis/commands/status/watch_screen.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/strings.hpp"
#include "ui/colors.hpp"
#include "ui/text.hpp"

namespace raibid {

namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t state_column = 3;
constexpr std::array<const char*, 6> headings = {"RELEASE", "WHERE", "PRESET", "STATE", "REDIS", "MEMORY"};
/// What is left out first when there is no room.
constexpr std::array<std::size_t, 4> least_telling = {2, 4, 5, 1};

using Columns = std::vector<std::size_t>;

std::vector<std::size_t> widths_of(const std::vector<WatchRow>& rows) {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < headings.size(); ++column) {
    std::size_t width = display_width(headings[column]);
    for (const WatchRow& row : rows) width = std::max(width, display_width(printable(row.cells.at(column))));
    widths.push_back(width);
  }
  return widths;
}

std::size_t total(const Columns& columns, const std::vector<std::size_t>& widths) {
  std::size_t sum = 0;
  for (const std::size_t column : columns) sum += widths[column] + gap;
  return sum;
}

Columns columns_that_fit(const std::vector<std::size_t>& widths, std::size_t width) {
  Columns columns = {0, 1, 2, 3, 4, 5};
  for (const std::size_t column : least_telling) {
    if (total(columns, widths) <= width + gap) break;
    std::erase(columns, column);
  }
  return columns;
}

}  // namespace

std::vector<std::string> table_screen(const std::vector<WatchRow>& rows, std::size_t width, bool color) {
  const std::vector<std::size_t> widths = widths_of(rows);
  const Columns columns = columns_that_fit(widths, width);
  const std::size_t taken = total(columns, widths);
  std::vector<std::string> lines;
  std::string head;
  for (const std::size_t column : columns) head += padded(headings[column], widths[column] + gap);
  lines.push_back(shortened(head + "NOTE", width, "…"));
  for (const WatchRow& row : rows) {
    const std::string note = printable(row.note);
    const bool beside = taken + display_width(note) <= width;
    std::string line;
    for (const std::size_t column : columns) {
      const std::string cell = padded(printable(row.cells.at(column)), widths[column] + gap);
      line += column == state_column ? painted(cell, row.healthy ? color_green : color_red, color) : cell;
    }
    if (taken > width + gap) line = shortened(printable(row.cells.front()), width, "…");  // nothing else has room
    lines.push_back(beside ? line + note : line);
    if (beside || note.empty()) continue;
    constexpr std::size_t indent = 4;
    for (const std::string& part : folded(note, std::max(width, indent + 1) - indent))
      lines.push_back(std::string(indent, ' ') + part);
  }
  return lines;
}

std::vector<std::string> report_screen(const std::string& title, const HealthReport& health, std::size_t width,
                                       bool color) {
  constexpr std::size_t name_width = 12;
  constexpr std::size_t indent = 4 + name_width + 1;
  const std::size_t room = std::max(width, indent + 10) - indent;
  std::vector<std::string> lines;
  const bool healthy = health.healthy();
  lines.push_back(fmt::format("{}: {}", title,
                              painted(healthy ? "healthy" : "not healthy", healthy ? color_green : color_red, color)));
  for (const Check& check : health.checks()) {
    const char* const mark = check.unknown ? "–" : check.passed ? "✓" : "✗";
    const char* const paint = check.unknown ? color_dim : check.passed ? color_green : color_red;
    std::string head = fmt::format("  {} {} ", painted(mark, paint, color), padded(check.name, name_width));
    for (const std::string& part : folded(printable(check.text), room)) {
      lines.push_back(head + part);
      head = std::string(indent, ' ');
    }
    if (check.passed || check.unknown || check.hint.empty()) continue;
    for (const std::string& part : folded("→ " + printable(check.hint), room)) lines.push_back(head + part);
  }
  return lines;
}

}  // namespace raibid
