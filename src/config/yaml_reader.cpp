#include "config/yaml.hpp"

#include "base/characters.hpp"
#include "config/yaml_guard.hpp"
#include "config/yaml_tree.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace raibid {

namespace {

using nlohmann::ordered_json;
using Kind = YamlNode::Kind;

template <typename Number>
std::optional<Number> whole(std::string_view digits, int base) {
  Number number{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

/// A whole number as Helm reads it: with a leading zero it is octal.
std::optional<ordered_json> integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  std::string_view digits = text.substr(text.starts_with('+') || negative ? 1 : 0);
  int base = 10;
  for (const auto& [prefix, prefix_base] :
       {std::pair("0x", 16), std::pair("0o", 8), std::pair("0b", 2), std::pair("0", 8)}) {
    if (digits.size() > std::string_view(prefix).size() && digits.starts_with(prefix)) {
      digits.remove_prefix(std::string_view(prefix).size());
      base = prefix_base;
      break;
    }
  }
  if (digits.empty() || digits.front() == '-' || digits.front() == '+') return std::nullopt;
  if (negative) {
    if (const auto number = whole<std::int64_t>("-" + std::string(digits), base)) return *number;
  } else if (const auto number = whole<std::uint64_t>(digits, base)) {
    if (*number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return static_cast<std::int64_t>(*number);
    return *number;
  }
  return std::nullopt;
}

std::optional<ordered_json> real(std::string_view text) {
  const std::string_view unsigned_text = text.substr(text.starts_with('+') || text.starts_with('-') ? 1 : 0);
  for (const std::string_view infinity : {".inf", ".Inf", ".INF"}) {
    if (unsigned_text == infinity) return std::numeric_limits<double>::infinity() * (text.front() == '-' ? -1 : 1);
  }
  for (const std::string_view nan : {".nan", ".NaN", ".NAN"}) {
    if (text == nan) return std::numeric_limits<double>::quiet_NaN();
  }
  if (unsigned_text.empty() || unsigned_text.find_first_not_of("0123456789.eE+-") != std::string_view::npos)
    return std::nullopt;
  if (!is_digit(unsigned_text.front()) &&
      (unsigned_text.size() < 2 || unsigned_text.front() != '.' || !is_digit(unsigned_text[1])))
    return std::nullopt;
  double number = 0;
  const std::string_view digits = text.substr(text.front() == '+' ? 1 : 0);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

bool can_be_number(std::string_view text) {
  return !text.empty() && (is_digit(text.front()) || text.front() == '-' || text.front() == '+' || text.front() == '.');
}

/// A scalar without quotes, as Helm reads it: YAML 1.1 with its many booleans.
ordered_json plain_value(const std::string& text) {
  for (const std::string_view word : {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"}) {
    if (text == word) return true;
  }
  for (const std::string_view word : {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"}) {
    if (text == word) return false;
  }
  if (can_be_number(text)) {
    std::string digits = text;
    std::erase(digits, '_');
    if (const auto number = integer(digits)) return *number;
    if (const auto number = real(digits)) return *number;
  }
  return text;
}

ordered_json to_json(const YamlNode& node, const std::string& origin);

/// Takes over what `source`, the value of a merge key (<<), has and `object` has not.
void merge(ordered_json& object, const YamlNode& source, const std::string& origin) {
  if (source.is(Kind::list)) {
    for (const YamlNode& item : source.items) merge(object, item, origin);
    return;
  }
  if (!source.is(Kind::map)) fail_at(origin, source.line, "<< takes a mapping");
  const ordered_json merged = to_json(source, origin);
  for (const auto& [key, value] : merged.items()) {
    if (!object.contains(key)) object[key] = value;
  }
}

ordered_json to_json(const YamlNode& node, const std::string& origin) {
  switch (node.kind) {
    case Kind::null:
      return nullptr;
    case Kind::scalar:
      return node.plain ? plain_value(node.text) : ordered_json(node.text);
    case Kind::list: {
      ordered_json array = ordered_json::array();
      for (const YamlNode& item : node.items) array.push_back(to_json(item, origin));
      return array;
    }
    case Kind::map:
      break;
  }
  ordered_json object = ordered_json::object();
  const auto is_merge = [](const YamlEntry& entry) { return entry.plain && entry.key == "<<"; };
  for (const YamlEntry& entry : node.entries) {
    // keys are known to differ; an ordered object would compare each with all
    if (!is_merge(entry))
      object.get_ref<ordered_json::object_t&>().emplace_back(entry.key, to_json(entry.value, origin));
  }
  for (const YamlEntry& entry : node.entries) {
    if (is_merge(entry)) merge(object, entry.value, origin);
  }
  return object;
}

}  // namespace

ordered_json parse_yaml(std::string_view text, const std::string& origin) {
  return to_json(parse_yaml_tree(text, origin), origin);
}

}  // namespace raibid
