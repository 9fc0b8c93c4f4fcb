#include "config/yaml_edit.hpp"

#include "base/strings.hpp"
#include "config/yaml.hpp"
#include "config/yaml_guard.hpp"
#include "config/yaml_tree.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <vector>

namespace raibid {

namespace {

/// The lines of one key: [first, end), counted from 0.
struct Span {
  std::size_t first = 0;
  std::size_t end = 0;
};

bool is_blank_or_comment(const std::string& line) {
  const std::string text(trim(line));
  return text.empty() || text.front() == '#';
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines = split(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::string joined(const std::vector<std::string>& lines) { return lines.empty() ? "" : join(lines, "\n") + "\n"; }

/// Throws when the file has another shape than a line for each key.
std::optional<Span> find_key(const std::string& text, const std::string& origin, const std::vector<std::string>& lines,
                             std::string_view key) {
  const YamlNode tree = parse_yaml_tree(text, origin);
  if (tree.is(YamlNode::Kind::null)) return std::nullopt;
  if (!tree.is(YamlNode::Kind::map)) fail_at(origin, tree.line, "expected lines of 'name: value'");
  for (std::size_t i = 0; i < tree.entries.size(); ++i) {
    const auto first = static_cast<std::size_t>(tree.entries[i].line - 1);
    const bool has_next = i + 1 < tree.entries.size();
    const std::size_t end = has_next ? static_cast<std::size_t>(tree.entries[i + 1].line - 1) : lines.size();
    // {a: 1, b: 2} has several keys in a line, or braces around them
    if (end == first || trim(lines.at(first)).front() == '{')
      fail_at(origin, tree.entries[i].line, "only a file with a line for each key can be changed; edit it by hand");
    if (tree.entries[i].key != key) continue;
    Span span{first, end};
    // what stands before the next key belongs to that one
    while (span.end > span.first + 1 && is_blank_or_comment(lines[span.end - 1])) --span.end;
    return span;
  }
  return std::nullopt;
}

}  // namespace

std::string with_key(const std::string& text, const std::string& origin, std::string_view key,
                     const nlohmann::ordered_json& value) {
  std::vector<std::string> lines = lines_of(text);
  const std::vector<std::string> added = lines_of(to_yaml({{std::string(key), value}}));
  auto at = lines.end();
  if (const std::optional<Span> span = find_key(text, origin, lines, key)) {
    const auto begin = lines.begin();
    at = lines.erase(begin + static_cast<std::ptrdiff_t>(span->first), begin + static_cast<std::ptrdiff_t>(span->end));
  }
  lines.insert(at, added.begin(), added.end());
  return joined(lines);
}

std::string without_key(const std::string& text, const std::string& origin, std::string_view key) {
  std::vector<std::string> lines = lines_of(text);
  const std::optional<Span> span = find_key(text, origin, lines, key);
  if (!span) return text;
  const auto begin = lines.begin();
  lines.erase(begin + static_cast<std::ptrdiff_t>(span->first), begin + static_cast<std::ptrdiff_t>(span->end));
  return joined(lines);
}

}  // namespace raibid
