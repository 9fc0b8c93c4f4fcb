#include "config/yaml.hpp"

#include "base/characters.hpp"
#include "base/json.hpp"
#include "base/utf8.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace raibid {

namespace {

using nlohmann::ordered_json;

/// Words that some reader of YAML (1.1 or 1.2, Helm's, yaml-cpp's) takes for something else than text.
bool is_reserved_word(std::string_view text) {
  constexpr std::array words = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"};
  if (text.size() > 5) return false;
  std::string lower;
  for (const char c : text) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return std::find(words.begin(), words.end(), lower) != words.end();
}

/// Numbers in all their forms (08, 1e3, 0x1f, 1_000, .inf, 12:30) and dates are written with these alone.
bool could_be_number(std::string_view text) {
  constexpr std::string_view number_characters = "0123456789abcdefABCDEFxXoOiInNtTzZ_.:+-";
  return !is_letter(text.front()) && text.find_first_not_of(number_characters) == std::string_view::npos;
}

/// Whether `text` needs no quotes for anyone: begins like a word, a path or a quantity and holds no indicator.
bool is_plain(std::string_view text) {
  if (text.empty() || is_reserved_word(text) || could_be_number(text)) return false;
  if (!is_letter(text.front()) && !is_digit(text.front()) && text.front() != '/' && text.front() != '_') return false;
  if (text.back() == ' ' || text.back() == ':') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool harmless =
        is_letter(c) || is_digit(c) || std::string_view("-_./@+=%() ").find(c) != std::string_view::npos;
    const bool colon = c == ':' && text[i + 1] != ' ';  // the last character is none
    if (!harmless && !colon) return false;
  }
  return true;
}

/// What cannot stand in YAML as itself, or that a reader may take for the end of a line.
bool must_be_escaped(const CodePoint& point) {
  const auto value = static_cast<std::uint32_t>(point.value);
  const bool control = (value < 0x20 && value != '\n' && value != '\t') || (value >= 0x7F && value <= 0xA0);
  const bool line_break = value == 0x2028 || value == 0x2029;
  return !point.valid || control || line_break || value == 0xFEFF || value == 0xFFFE || value == 0xFFFF;
}

void append_escaped(std::string& out, const CodePoint& point) {
  const auto value = static_cast<std::uint32_t>(point.value);
  switch (value) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  if (must_be_escaped(point)) {
    out += value < 0x100 ? fmt::format("\\x{:02x}", value) : fmt::format("\\u{:04x}", value);
  } else {
    append_utf8(out, point.value);
  }
}

std::string double_quoted(std::string_view text) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    append_escaped(out, point);
    at += point.length;
  }
  return out + '"';
}

/// Whether a literal block gives exactly `text` back: several lines, the first of which does not start with a blank
/// (its indentation would have to be said), none ends with one, and at most one line end at the end.
bool fits_block(std::string_view text) {
  if (text.find('\n') == std::string_view::npos || text.front() == '\n' || text.ends_with("\n\n")) return false;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    if (must_be_escaped(point)) return false;
    const bool ends_line = at + 1 >= text.size() || text[at + 1] == '\n';
    const bool tab_first = point.value == '\t' && text[at == 0 ? 0 : at - 1] == '\n';
    const bool blank = point.value == ' ' || point.value == '\t';
    if (tab_first || (blank && (at == 0 || ends_line))) return false;
    at += point.length;
  }
  return true;
}

std::string block(std::string_view text, int indent) {
  std::string out = text.ends_with('\n') ? "|" : "|-";
  if (text.ends_with('\n')) text.remove_suffix(1);
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  while (true) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    out += '\n';
    if (!line.empty()) out.append(margin).append(line);
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

std::string quoted_if_needed(std::string_view text) { return is_plain(text) ? std::string(text) : double_quoted(text); }

std::string scalar(const ordered_json& value, int indent) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return fits_block(text) ? block(text, indent) : quoted_if_needed(text);
  }
  if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    return std::isnan(value.get<double>()) ? ".nan" : value.get<double>() > 0 ? ".inf" : "-.inf";
  }
  return json_text(value);  // numbers, booleans, null, [] and {}: JSON is YAML
}

bool is_block(const ordered_json& value) { return value.is_structured() && !value.empty(); }

void write(std::string& out, const ordered_json& value, int indent);

/// `value` behind "key:" or on a line of its own.
void write_entry(std::string& out, const std::string& key, const ordered_json& value, int indent) {
  out += quoted_if_needed(key) + ':';
  if (is_block(value)) {
    out += '\n';
    out.append(static_cast<std::size_t>(indent) + 2, ' ');
    write(out, value, indent + 2);
  } else {
    out += ' ' + scalar(value, indent + 2) + '\n';
  }
}

/// Writes a list or mapping whose first line is already indented.
void write(std::string& out, const ordered_json& value, int indent) {
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  bool first = true;
  for (const auto& [key, entry] : value.items()) {
    if (!first) out += margin;
    first = false;
    if (value.is_object()) {
      write_entry(out, key, entry, indent);
    } else if (is_block(entry)) {
      out += "- ";
      write(out, entry, indent + 2);
    } else {
      out += "- " + scalar(entry, indent + 2) + '\n';
    }
  }
}

}  // namespace

std::string to_yaml(const ordered_json& value) {
  std::string out;
  if (is_block(value)) {
    write(out, value, 0);
  } else {
    out = scalar(value, 2) + '\n';
  }
  return out;
}

}  // namespace raibid
