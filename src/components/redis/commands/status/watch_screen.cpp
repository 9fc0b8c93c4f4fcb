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

std::vector<std::string> cut_to(std::vector<std::string> lines, std::size_t rows) {
  if (lines.size() <= rows) return lines;
  const std::size_t kept = std::max<std::size_t>(rows, 1) - 1;
  const std::string more = fmt::format("… {} more lines", lines.size() - kept);
  lines.resize(kept);
  lines.push_back(more);
  return lines;
}

std::vector<std::string> report_screen(const std::string& title, const HealthReport& health, std::size_t width,
                                       std::size_t rows, bool color) {
  constexpr std::size_t name_width = 12;
  constexpr std::size_t indent = 4 + name_width + 1;
  const std::size_t room = std::max(width, indent + 10) - indent;
  const bool healthy = health.healthy();
  std::vector<std::string> lines = {fmt::format(
      "{}: {}", title, painted(healthy ? "healthy" : "not healthy", healthy ? color_green : color_red, color))};
  struct Block {
    bool fine;
    std::vector<std::string> lines;
  };
  std::vector<Block> blocks;
  std::size_t needed = lines.size();
  for (const Check& check : health.checks()) {
    Block block{check.passed && !check.warning, {}};
    std::string head = fmt::format("  {} {} ", mark_of(check, color), padded(check.name, name_width));
    for (const std::string& part : folded(printable(check.text), room)) {
      block.lines.push_back(head + part);
      head = std::string(indent, ' ');
    }
    if (check.has_hint()) {
      for (const std::string& part : folded("→ " + printable(check.hint), room)) block.lines.push_back(head + part);
    }
    needed += block.lines.size();
    blocks.push_back(std::move(block));
  }
  std::int64_t left_out = 0;
  for (std::size_t at = blocks.size(); at-- > 0 && needed + (left_out > 0 ? 1 : 0) > rows;) {
    if (!blocks[at].fine) continue;
    needed -= blocks[at].lines.size();
    blocks[at].lines.clear();
    ++left_out;
  }
  for (const Block& block : blocks) lines.insert(lines.end(), block.lines.begin(), block.lines.end());
  if (left_out > 0) lines.push_back(fmt::format("  and {} that passed", counted(left_out, "check", "checks")));
  return cut_to(std::move(lines), rows);
}

}  // namespace raibid
