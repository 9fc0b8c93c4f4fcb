#include "config/yaml_settings.hpp"

#include "base/strings.hpp"
#include "config/yaml_guard.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>
#include <vector>

namespace raibid {

namespace {

using Kind = YamlNode::Kind;

/// Reads the values of one option.
class ValueReader {
 public:
  ValueReader(const OptionSpec& option, const std::string& origin) : m_option(option), m_origin(origin) {}

  std::vector<std::string> read(const YamlNode& value) const {
    if (m_option.kind == OptionKind::flag) return {flag(value)};
    if (m_option.kind != OptionKind::list || !value.is(Kind::list)) return {text(value)};
    std::vector<std::string> values;
    for (const YamlNode& item : value.items) values.push_back(text(item));
    return values;
  }

 private:
  std::string flag(const YamlNode& value) const {
    if (is_yaml_true(value)) return "true";
    if (is_yaml_false(value)) return "false";
    fail_at(m_origin, value.line, fmt::format("{} is true or false, without quotes", m_option.name));
  }

  std::string text(const YamlNode& value) const {
    if (value.is(Kind::null)) fail_at(m_origin, value.line, fmt::format("{} has no value", m_option.name));
    if (!value.is(Kind::scalar)) {
      fail_at(m_origin, value.line, fmt::format("{} takes a single value, not {}", m_option.name, kind_name(value)));
    }
    return value.text;
  }

  const OptionSpec& m_option;
  const std::string& m_origin;
};

/// Names of the first description of this program, with what they are called here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> described_names = {{
    {"sentinel_enabled", "ha"},
    {"replica_count", "replicas"},
    {"persistence_enabled", "no-persistence, with the opposite value"},
    {"persistence_size", "size"},
    {"auth_enabled", "no-auth, with the opposite value"},
    {"release_name", "release"},
    {"streams_config", "stream, group and max-length"},
    {"password", "password-file, with the name of a file"},
}};

[[noreturn]] void refuse_key(const YamlEntry& entry, const std::string& origin, std::span<const OptionSpec> options) {
  std::vector<std::string> names;
  for (const OptionSpec& option : options) {
    if (!option.flag_only && !option.not_in_files) names.emplace_back(option.name);
  }
  for (const auto& [described, name] : described_names) {
    if (entry.key != described) continue;
    fail_at(origin, entry.line, fmt::format("unknown key {}: here it is {}", in_quotes(entry.key), name));
  }
  fail_at(origin, entry.line, fmt::format("unknown key {}{}", in_quotes(entry.key), did_you_mean(entry.key, names)));
}

}  // namespace

const OptionSpec* find_option(std::span<const OptionSpec> options, std::string_view name) {
  for (const OptionSpec& option : options) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

SettingMap settings_of(const YamlNode& map, const std::string& origin, std::span<const OptionSpec> options) {
  if (map.is(Kind::null)) return {};
  if (!map.is(Kind::map))
    fail_at(origin, map.line, fmt::format("expected lines of 'name: value', not {}", kind_name(map)));
  SettingMap settings;
  for (const YamlEntry& entry : map.entries) {
    const OptionSpec* option = find_option(options, entry.key);
    if (option == nullptr) refuse_key(entry, origin, options);
    if (option->flag_only || option->not_in_files) {
      const std::string_view where = option->flag_only ? "on the command line" : "on the command line or as a variable";
      fail_at(origin, entry.line, fmt::format("{} cannot be set in a file, only {}", entry.key, where));
    }
    Setting setting;
    setting.values = ValueReader(*option, origin).read(entry.value);
    setting.origin = {Source::file, fmt::format("{}:{}", origin, entry.line)};
    for (const std::string& value : setting.values)
      check_value(*option, value, fmt::format("{}: {}", setting.origin.where, entry.key));
    settings.emplace(entry.key, std::move(setting));
  }
  return settings;
}

}  // namespace raibid
