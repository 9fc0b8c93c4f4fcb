#pragma once

#include <cstddef>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.hpp"
#include "ui/text.hpp"

namespace raibid::tests {

/// What a terminal of `width` columns shows for what was written: understands the few sequences that we use, breaks
/// lines that are too long as terminals do (and counts them), and fails loudly on anything else.
class Screen {
 public:
  explicit Screen(std::size_t width) : m_width(width) {}

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t used = take(bytes);
      bytes.remove_prefix(used);
    }
  }

  /// All rows without trailing blanks, each with a line end, the last one only when there is something on it.
  std::string text() const {
    std::string all;
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
      std::string row;
      for (const std::string& cell : m_rows[i]) row += cell;
      row.erase(row.find_last_not_of(' ') + 1);
      if (i + 1 < m_rows.size() || !row.empty()) all += row + '\n';
    }
    return all;
  }

  int wraps() const { return m_wraps; }
  const std::string& unknown() const { return m_unknown; }

  /// A terminal that wraps what it shows again when it becomes narrower.
  void resize(std::size_t width) {
    m_width = width;
    std::vector<std::vector<std::string>> rows;
    for (const auto& row : m_rows) {
      std::size_t from = 0;
      do {
        const std::size_t to = std::min(row.size(), from + width);
        rows.emplace_back(row.begin() + static_cast<std::ptrdiff_t>(from),
                          row.begin() + static_cast<std::ptrdiff_t>(to));
        from = to;
      } while (from < row.size());
    }
    m_rows = std::move(rows);
    m_row = m_rows.size() - 1;
    m_column = m_rows.back().size();
  }

 private:
  std::size_t take(std::string_view bytes) {
    if (bytes.front() == '\n') {
      ++m_row;
      m_column = 0;
      grow();
      return 1;
    }
    if (bytes.front() == '\r') {
      m_column = 0;
      return 1;
    }
    if (bytes.front() == '\x1b') return escape(bytes);
    const CodePoint point = decode_utf8(bytes, 0);
    if (m_column == m_width) {
      ++m_wraps;
      ++m_row;
      m_column = 0;
    }
    grow();
    auto& row = m_rows[m_row];
    row.resize(std::max(row.size(), m_column + 1), " ");
    row[m_column++] = std::string(bytes.substr(0, point.length));
    return point.length;
  }

  std::size_t escape(std::string_view bytes) {
    const std::size_t end = bytes.find_first_of("ABCDHJKm");
    const std::string sequence(bytes.substr(0, end + 1));
    if (sequence.ends_with('A')) {
      m_row -= std::min(m_row, static_cast<std::size_t>(std::stoul(sequence.substr(2))));
    } else if (sequence == "\x1b[J") {
      m_rows.resize(m_row + 1);
      m_rows[m_row].resize(std::min(m_rows[m_row].size(), m_column));
    } else if (!sequence.ends_with('m')) {
      m_unknown += sequence;
    }
    return sequence.size();
  }

  void grow() {
    if (m_rows.size() <= m_row) m_rows.resize(m_row + 1);
  }

  std::size_t m_width;
  std::size_t m_row = 0;
  std::size_t m_column = 0;
  int m_wraps = 0;
  std::string m_unknown;
  std::vector<std::vector<std::string>> m_rows = {{}};
};

}  // namespace raibid::tests
