#include "components/redis/run/setup_diff.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/strings.hpp"

namespace raibid {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

/// More lines than this on both sides are not compared line by line.
constexpr std::size_t most_lines = 2000;

std::string leaf_text(const json& value) {
  if (value.is_null()) return "";
  return printable(value.is_string() ? value.get<std::string>() : json_text(value));
}

void compare(const json& live, const json& wanted, const std::string& path, std::vector<ValueChange>& changes) {
  if (live == wanted) return;
  if (live.is_object() && wanted.is_object()) {
    const json nothing;
    for (const auto& [key, value] : live.items()) {
      const auto there = wanted.find(key);
      compare(value, there == wanted.end() ? nothing : *there, path.empty() ? key : path + "." + key, changes);
    }
    for (const auto& [key, value] : wanted.items()) {
      if (!live.contains(key)) compare(nothing, value, path.empty() ? key : path + "." + key, changes);
    }
  } else if (live.is_array() && wanted.is_array() && live.size() == wanted.size()) {
    for (std::size_t at = 0; at < live.size(); ++at)
      compare(live[at], wanted[at], fmt::format("{}[{}]", path, at), changes);
  } else {
    changes.push_back({path, leaf_text(live), leaf_text(wanted)});
  }
}

/// How many lines two texts have in common from each place on (the longest common subsequence).
std::vector<std::vector<std::uint32_t>> common_from(const std::vector<std::string>& left,
                                                    const std::vector<std::string>& right) {
  std::vector<std::vector<std::uint32_t>> common(left.size() + 1, std::vector<std::uint32_t>(right.size() + 1, 0));
  for (std::size_t i = left.size(); i-- > 0;) {
    for (std::size_t j = right.size(); j-- > 0;) {
      common[i][j] = left[i] == right[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  return common;
}

/// All lines, each with its sign: "-", "+" or " ".
std::vector<std::string> marked_lines(const std::vector<std::string>& left, const std::vector<std::string>& right) {
  const auto common = common_from(left, right);
  std::vector<std::string> lines;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < left.size() || j < right.size()) {
    if (i < left.size() && j < right.size() && left[i] == right[j]) {
      lines.push_back(" " + left[i]);
      ++i, ++j;
    } else if (j == right.size() || (i < left.size() && common[i + 1][j] >= common[i][j + 1])) {
      lines.push_back("-" + left[i++]);
    } else {
      lines.push_back("+" + right[j++]);
    }
  }
  return lines;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines = split(std::string(text), '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::string painted(std::string_view text, bool color) {
  const char sign = text.empty()                                            ? ' '
                    : text.find_first_not_of(' ') == std::string_view::npos ? ' '
                                                                            : text[text.find_first_not_of(' ')];
  const char* const code = sign == '+' ? "32" : sign == '-' ? "31" : sign == '~' ? "33" : "";
  if (!color || *code == '\0') return fmt::format("{}\n", text);
  return fmt::format("\x1b[{}m{}\x1b[0m\n", code, text);
}

std::string values_text(const std::vector<ValueChange>& values, bool color) {
  std::string text;
  for (const ValueChange& value : values) {
    text += fmt::format("    {}\n", value.path);
    if (!value.live.empty()) text += painted("      - " + value.live, color);
    if (!value.wanted.empty()) text += painted("      + " + value.wanted, color);
  }
  return text;
}

ordered_json values_data(const std::vector<ValueChange>& values) {
  ordered_json list = ordered_json::array();
  const auto text_or_null = [](const std::string& text) { return text.empty() ? ordered_json() : ordered_json(text); };
  for (const ValueChange& value : values)
    list.push_back({{"path", value.path}, {"live", text_or_null(value.live)}, {"wanted", text_or_null(value.wanted)}});
  return list;
}

}  // namespace

std::vector<ValueChange> value_changes(const json& live, const json& wanted) {
  std::vector<ValueChange> changes;
  compare(live, wanted, "", changes);
  return changes;
}

std::vector<std::string> line_changes(std::string_view live, std::string_view wanted) {
  if (live == wanted) return {};
  const std::vector<std::string> left = lines_of(live);
  const std::vector<std::string> right = lines_of(wanted);
  if (left.size() > most_lines || right.size() > most_lines) return {" (too long to compare line by line)"};
  const std::vector<std::string> all = marked_lines(left, right);
  const auto differs = [&all](std::size_t at) { return at < all.size() && all[at].front() != ' '; };
  std::vector<std::string> shown;
  for (std::size_t at = 0; at < all.size(); ++at) {
    const bool beside = differs(at + 1) || (at > 0 && differs(at - 1));
    if (differs(at) || beside) shown.push_back(printable(all[at]));
  }
  return shown;
}

std::string diff_text(const SetupDiff& diff, bool color) {
  if (diff.empty()) return "Nothing would change.\n";
  std::string text;
  if (!diff.values.empty()) text += "Values for helm:\n" + values_text(diff.values, color);
  for (const ObjectChange& object : diff.objects) {
    const bool created = object.what == ObjectChange::What::created;
    const bool removed = object.what == ObjectChange::What::removed;
    text += painted(fmt::format("{} {} {}{}",
                                created   ? "+"
                                : removed ? "-"
                                          : "~",
                                object.kind, object.name,
                                created   ? " (created)"
                                : removed ? " (removed)"
                                          : ""),
                    color);
    text += values_text(object.values, color);
    for (const std::string& line : object.lines) text += painted("    " + line, color);
  }
  return text;
}

ordered_json diff_data(const SetupDiff& diff) {
  ordered_json data = {
      {"changed", !diff.empty()}, {"values", values_data(diff.values)}, {"objects", ordered_json::array()}};
  for (const ObjectChange& object : diff.objects) {
    const char* const what = object.what == ObjectChange::What::created   ? "created"
                             : object.what == ObjectChange::What::removed ? "removed"
                                                                          : "changed";
    data["objects"].push_back({{"what", what},
                               {"kind", object.kind},
                               {"name", object.name},
                               {"values", values_data(object.values)},
                               {"lines", object.lines}});
  }
  return data;
}

}  // namespace raibid
