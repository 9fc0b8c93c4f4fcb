#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace raibid {

/// A table in plain text, as kubectl prints them: columns as wide as they must be, two blanks between them, none at the
/// end of a line. Cells are made printable.
class Table {
 public:
  explicit Table(const std::vector<std::string>& headings);

  /// A row may have fewer cells than there are headings.
  void add(const std::vector<std::string>& cells);

  std::string text() const;

 private:
  std::vector<std::vector<std::string>> m_rows;
};

/// Lines of "key   value" with the values under each other, each behind `indent` blanks. A value of several lines goes
/// on under its first.
std::string key_values(std::span<const std::pair<std::string, std::string>> rows, std::size_t indent = 0);

}  // namespace raibid
