#include "config/settings.hpp"

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "config/duration.hpp"
#include "config/yaml_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>

namespace raibid {

namespace {

constexpr std::string_view variable_prefix = "RAIBID_";
// read by sys/environment before there are settings
constexpr std::string_view home_variable = "RAIBID_HOME";
/// What other programs of raibid read (raibid-ci's server, agent and scripts), and what names this program to scripts.
constexpr std::array<std::string_view, 7> foreign_variables = {"RAIBID_CLI",           "RAIBID_ENV",   "RAIBID_ROOT",
                                                               "RAIBID_LOG_LEVEL",     "RAIBID_TOOLS", "RAIBID_CLUSTER",
                                                               "RAIBID_RATE_LIMIT_RPM"};
constexpr std::array<std::string_view, 9> foreign_prefixes = {"RAIBID_REDIS_",  "RAIBID_SERVER_", "RAIBID_AGENT_",
                                                              "RAIBID_AGENTS_", "RAIBID_API_",    "RAIBID_CLUSTER_",
                                                              "RAIBID_GITEA_",  "RAIBID_GITHUB_", "RAIBID_TEST_"};

/// "true" or "false" for what people write into a variable; std::nullopt for anything else.
std::optional<std::string> truth(const std::string& text) {
  constexpr std::array yes = {"true", "yes", "on", "1"};
  constexpr std::array no = {"false", "no", "off", "0"};
  const std::string word = to_lower(text);
  if (std::find(yes.begin(), yes.end(), word) != yes.end()) return "true";
  if (std::find(no.begin(), no.end(), word) != no.end()) return "false";
  return std::nullopt;
}

std::optional<long long> whole_number(std::string_view text) {
  long long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

void check_choice(const OptionSpec& option, const std::string& text, const std::string& what) {
  if (std::find(option.choices.begin(), option.choices.end(), text) != option.choices.end()) return;
  const std::vector<std::string> choices(option.choices.begin(), option.choices.end());
  const std::string message =
      fmt::format("{}: {} is not one of {}{}", what, in_quotes(text), join(choices, ", "), did_you_mean(text, choices));
  throw Error(ExitCode::usage, message);
}

Setting default_of(const OptionSpec& option) {
  Setting setting{{}, {Source::default_value, "default"}};
  if (!option.default_value.empty()) {
    setting.values.emplace_back(option.default_value);
  } else if (option.kind == OptionKind::flag) {
    setting.values.emplace_back("false");
  }
  return setting;
}

/// Puts the settings of one source over those below it.
class Layers {
 public:
  Layers(std::span<const OptionSpec> options, std::string home) : m_options(options), m_home(std::move(home)) {
    for (const OptionSpec& option : options) m_values.insert_or_assign(std::string(option.name), default_of(option));
  }

  void put(const SettingMap& settings, Source source) {
    for (const auto& [name, setting] : settings) {
      Setting copy = setting;
      copy.origin.source = source;
      put(name, std::move(copy));
    }
  }

  void put(const std::string& name, Setting setting) {
    const OptionSpec* option = find_option(m_options, name);
    if (option == nullptr) throw std::logic_error("unknown option " + name);
    for (std::string& value : setting.values) {
      const std::string what = described(name, setting.origin);
      if (option->kind == OptionKind::text || option->kind == OptionKind::list)
        refuse_empty(setting.origin.source, value, what);
      if (option->is_path) value = with_home(value, m_home);
      check_value(*option, value, what);
      if (option->kind == OptionKind::flag) value = truth(value).value();
    }
    m_values.insert_or_assign(name, std::move(setting));
  }

  SettingMap take() { return std::move(m_values); }

 private:
  /// Where the value stands, with the option's name where that does not say it.
  static std::string described(const std::string& name, Origin& origin) {
    if (origin.source == Source::flag && origin.where.empty()) origin.where = "--" + name;
    const bool names_option = origin.source == Source::flag || origin.source == Source::environment;
    return names_option ? origin.where : fmt::format("{}: {}", origin.where, name);
  }

  /// Where someone wrote it: an empty variable is one that is not set, and a preset may take a default away.
  static void refuse_empty(Source source, const std::string& value, const std::string& what) {
    if (!value.empty() || (source != Source::flag && source != Source::file)) return;
    throw Error(ExitCode::usage, what + ": the value is empty", "leave it out for the default");
  }

  std::span<const OptionSpec> m_options;
  std::string m_home;
  SettingMap m_values;
};

bool is_of_another_program(std::string_view variable) {
  return std::find(foreign_variables.begin(), foreign_variables.end(), variable) != foreign_variables.end() ||
         std::any_of(foreign_prefixes.begin(), foreign_prefixes.end(),
                     [&](std::string_view prefix) { return variable.starts_with(prefix); });
}

std::string warn_about(const std::string& variable, std::span<const OptionSpec> options) {
  // without the prefix, which all have in common and which would make everything look alike
  const auto bare = [](std::string_view name) { return std::string(name.substr(variable_prefix.size())); };
  std::vector<std::string> known = {bare(home_variable)};
  for (const OptionSpec& option : options) {
    const std::string name = variable_name(option.name);
    if (option.flag_only && name == variable) {
      return fmt::format("{} has no effect: --{} can only be given on the command line", variable, option.name);
    }
    if (!option.flag_only) known.push_back(bare(name));
  }
  const std::string meant = nearest(bare(variable), known);
  const std::string offer = meant.empty() ? "" : fmt::format("; did you mean {}{}?", variable_prefix, meant);
  return fmt::format("{} is not a setting{}", printable(variable), offer);
}

std::vector<std::string> values_of_variable(const OptionSpec& option, const std::string& text) {
  if (option.kind != OptionKind::list) return {text};
  std::vector<std::string> values;
  for (const std::string& line : split(text, '\n')) {
    if (!trim(line).empty()) values.emplace_back(trim(line));
  }
  return values;
}

void put_variables(Layers& layers, std::span<const OptionSpec> options, const Environment& environment,
                   std::vector<std::string>& warnings) {
  for (auto entry = environment.lower_bound(std::string(variable_prefix)); entry != environment.end(); ++entry) {
    const auto& [variable, text] = *entry;
    if (!variable.starts_with(variable_prefix)) break;
    if (variable == home_variable) continue;
    const auto named = [&variable = variable](const OptionSpec& option) {
      return !option.flag_only && variable_name(option.name) == variable;
    };
    const auto option = std::find_if(options.begin(), options.end(), named);
    if (option == options.end()) {
      if (is_of_another_program(variable)) continue;
      warnings.push_back(warn_about(variable, options));
    } else if (!text.empty()) {
      layers.put(std::string(option->name),
                 Setting{values_of_variable(*option, text), {Source::environment, variable}});
    }
  }
}

}  // namespace

void check_value(const OptionSpec& option, const std::string& text, const std::string& what) {
  switch (option.kind) {
    case OptionKind::text:
    case OptionKind::list:
      return;
    case OptionKind::choice:
      return check_choice(option, text, what);
    case OptionKind::duration:
      parse_duration(text, what);
      return;
    case OptionKind::bytes:
      parse_bytes(text, what);
      return;
    case OptionKind::cpu:
      parse_millicores(text, what);
      return;
    case OptionKind::flag:
      if (!truth(text))
        throw Error(ExitCode::usage, fmt::format("{}: {} is neither true nor false", what, in_quotes(text)));
      return;
    case OptionKind::integer:
      if (!whole_number(text))
        throw Error(ExitCode::usage, fmt::format("{}: {} is not a whole number", what, in_quotes(text)));
      return;
  }
}

std::string variable_name(std::string_view option) {
  std::string name(variable_prefix);
  for (const char c : option) name += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

Settings resolve_settings(std::span<const OptionSpec> options, const SettingMap& flags, const Environment& environment,
                          const SettingMap& file, const SettingMap& preset, std::vector<std::string>& warnings) {
  Layers layers(options, variable(environment, "HOME"));
  layers.put(preset, Source::preset);
  layers.put(file, Source::file);
  put_variables(layers, options, environment, warnings);
  layers.put(flags, Source::flag);
  return Settings(layers.take());
}

Settings with_record(std::span<const OptionSpec> options, const Settings& settings, const SettingMap& preset,
                     const SettingMap& record) {
  Layers layers(options, "");  // the paths among them are as they were found
  layers.put(preset, Source::preset);
  const auto put_record = [&](bool from_file) {
    for (const auto& [name, setting] : record) {
      const bool is_from_file = setting.origin.recorded_from <= Source::file;
      if (is_from_file == from_file && find_option(options, name) != nullptr) layers.put(name, setting);
    }
  };
  const auto put_present = [&](Source source) {
    for (const auto& [name, setting] : settings.all()) {
      if (setting.origin.source == source) layers.put(name, setting);
    }
  };
  put_record(true);
  put_present(Source::file);
  put_record(false);
  put_present(Source::environment);
  put_present(Source::flag);
  return Settings(layers.take());
}

const Setting& Settings::at(std::string_view name) const {
  const auto found = m_values.find(name);
  if (found == m_values.end()) throw std::logic_error(fmt::format("unknown option {}", name));
  return found->second;
}

bool Settings::is_set(std::string_view name) const { return !at(name).values.empty(); }

std::string Settings::text(std::string_view name) const {
  const Setting& setting = at(name);
  return setting.values.empty() ? "" : setting.values.front();
}

bool Settings::flag(std::string_view name) const { return text(name) == "true"; }

std::vector<std::string> Settings::list(std::string_view name) const { return at(name).values; }

long long Settings::integer(std::string_view name) const { return whole_number(text(name)).value_or(0); }

std::int64_t Settings::bytes(std::string_view name) const { return is_set(name) ? parse_bytes(text(name), name) : 0; }

std::int64_t Settings::millicores(std::string_view name) const {
  return is_set(name) ? parse_millicores(text(name), name) : 0;
}

Duration Settings::duration(std::string_view name) const {
  return is_set(name) ? parse_duration(text(name), name) : Duration(0);
}

const Origin& Settings::origin(std::string_view name) const { return at(name).origin; }

}  // namespace raibid
