#include "ui/table.hpp"

#include "base/strings.hpp"
#include "ui/text.hpp"

#include <algorithm>

namespace raibid {

namespace {

constexpr std::size_t gap = 2;

std::vector<std::string> made_printable(const std::vector<std::string>& cells) {
  std::vector<std::string> clean;
  for (const std::string& cell : cells) clean.push_back(printable(cell));
  return clean;
}

std::string without_trailing_blanks(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

Table::Table(const std::vector<std::string>& headings) { add(headings); }

void Table::add(const std::vector<std::string>& cells) { m_rows.push_back(made_printable(cells)); }

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const auto& row : m_rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string out;
  for (const auto& row : m_rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += padded(row[i], widths[i] + gap);
    out += without_trailing_blanks(std::move(line)) + '\n';
  }
  return out;
}

std::string key_values(std::span<const std::pair<std::string, std::string>> rows, std::size_t indent) {
  std::size_t width = 0;
  for (const auto& [key, value] : rows) width = std::max(width, display_width(printable(key)));
  const std::string margin(indent, ' ');
  std::string out;
  for (const auto& [key, value] : rows) {
    std::string head = printable(key);
    for (const std::string& line : split(value, '\n')) {
      out += without_trailing_blanks(margin + padded(head, width + gap) + printable(line)) + '\n';
      head.clear();
    }
  }
  return out;
}

}  // namespace raibid
