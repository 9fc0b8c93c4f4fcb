#include "cli/config_show.hpp"

#include "base/strings.hpp"
#include "cli/commands.hpp"
#include "cli/result_format.hpp"
#include "cli/session.hpp"
#include "components/registry.hpp"
#include "ui/table.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace raibid {

namespace {

/// "auth.password=x" as "auth.password=***": setup refuses such a value, but it may stand in a file.
std::string without_secret(const std::string& value) {
  constexpr std::array secret_words = {"password", "secret", "token", "apikey", "api-key"};
  const std::size_t equals = value.find('=');
  if (equals == std::string::npos) return value;
  const std::string key = to_lower(value.substr(0, equals));
  const auto found_in_key = [&key](const char* word) { return key.find(word) != std::string::npos; };
  return std::any_of(secret_words.begin(), secret_words.end(), found_in_key) ? value.substr(0, equals + 1) + "***"
                                                                             : value;
}

std::vector<std::string> shown_values(const Settings& settings, const OptionSpec& option) {
  std::vector<std::string> values;
  if (option.kind == OptionKind::list) {
    for (const std::string& value : settings.list(option.name)) values.push_back(without_secret(value));
  } else if (settings.is_set(option.name)) {
    values.push_back(settings.text(option.name));
  }
  return values;
}

nlohmann::ordered_json json_value(const Settings& settings, const OptionSpec& option) {
  if (option.kind == OptionKind::list) return shown_values(settings, option);
  if (!settings.is_set(option.name)) return nullptr;
  if (option.kind == OptionKind::flag) return settings.flag(option.name);
  if (option.kind == OptionKind::integer) return settings.integer(option.name);
  return settings.text(option.name);
}

std::string table(const Settings& settings, const std::vector<OptionSpec>& options) {
  Table rows({"NAME", "VALUE", "ORIGIN"});
  for (const OptionSpec& option : options) {
    const std::vector<std::string> values = shown_values(settings, option);
    rows.add({std::string(option.name), values.empty() ? "-" : join(values, ", "), settings.origin(option.name).where});
  }
  return rows.text();
}

nlohmann::ordered_json list(const Settings& settings, const std::vector<OptionSpec>& options) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const OptionSpec& option : options) {
    nlohmann::ordered_json row;
    row["name"] = option.name;
    row["value"] = json_value(settings, option);
    row["origin"] = settings.origin(option.name).where;
    rows.push_back(std::move(row));
  }
  return rows;
}

CommandResult show_config(const Call& call) {
  std::vector<OptionSpec> options = all_options(call.table.components());
  const Session session = open_session(options, call.invocation.flags, call.dependencies.environment);
  call.reporter = make_reporter(call.dependencies.terminal, reporter_options(session.settings), call.dependencies.err);
  for (const std::string& warning : session.warnings) call.reporter->warning(warning);
  // a flag of one command is not a setting
  std::erase_if(options, [](const OptionSpec& option) { return option.flag_only; });
  const OutputFormat format = output_format(session.settings.text("output"));
  if (format == OutputFormat::table) return {table(session.settings, options), 0};
  return {formatted(list(session.settings, options), format), 0};
}

}  // namespace

CommandRow config_show_row() {
  CommandRow row;
  row.verb = "config";
  row.object = "show";
  row.summary = "Every setting with its value and where that comes from";
  row.examples = {"raibid-cli config show", "raibid-cli config show --preset mirai -o json"};
  row.run = show_config;
  return row;
}

}  // namespace raibid
