#include "cli/config_show.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "cli/component_command.hpp"
#include "cli/session.hpp"
#include "components/context.hpp"
#include "components/registry.hpp"
#include "components/result_format.hpp"
#include "ui/reporter.hpp"
#include "ui/table.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace raibid {

namespace {

/// "redis://app:x@host" as "redis://app:***@host": other commands refuse such a value, but it may stand in a file.
std::string without_url_password(const std::string& value) {
  const std::size_t scheme = value.find("://");
  const std::size_t at = value.rfind('@');
  if (scheme == std::string::npos || at == std::string::npos || at < scheme) return value;
  const std::size_t colon = value.find(':', scheme + 3);
  if (colon == std::string::npos || colon > at) return value;
  return value.substr(0, colon + 1) + "***" + value.substr(at);
}

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
    values.push_back(without_url_password(settings.text(option.name)));
  }
  return values;
}

nlohmann::ordered_json json_value(const Settings& settings, const OptionSpec& option) {
  if (option.kind == OptionKind::list) return shown_values(settings, option);
  if (!settings.is_set(option.name)) return nullptr;
  if (option.kind == OptionKind::flag) return settings.flag(option.name);
  if (option.kind == OptionKind::integer) return settings.integer(option.name);
  return without_url_password(settings.text(option.name));
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

/// What the next setup would keep of an earlier one is in effect, too.
void take_records(const std::vector<Component>& components, Context& context) {
  const bool ask = context.settings.flag("installed");
  SettingMap values = context.settings.all();
  values.erase("installed");  // this command's own, of which components know nothing
  context.settings = Settings(std::move(values));
  for (const Component& component : components) {
    if (component.take_record == nullptr) continue;
    const Settings before = context.settings;
    try {
      component.take_record(context, ask);
    } catch (const Error& error) {
      if (ask) throw;
      context.settings = before;
      context.reporter.warning("what an earlier setup recorded is not shown: " + error.message());
    }
  }
}

CommandResult show_config(const Call& call) {
  const std::vector<OptionSpec>& own = call.invocation.row->options;
  std::vector<OptionSpec> options = all_options(call.table.components());
  options.insert(options.end(), own.begin(), own.end());
  std::optional<ShownTimeline> timeline;
  Context context = make_context(call, options, timeline);
  take_records(call.table.components(), context);
  // a flag of one command is not a setting
  std::erase_if(options, [](const OptionSpec& option) { return option.flag_only; });
  const OutputFormat format = output_format(context.settings.text("output"));
  if (format == OutputFormat::table) return {table(context.settings, options), 0};
  return {formatted(list(context.settings, options), format), 0};
}

}  // namespace

CommandRow config_show_row() {
  CommandRow row;
  row.verb = "config";
  row.object = "show";
  row.summary = "Every setting, its value and where it comes from";
  row.options = {{.name = "installed",
                  .help = "Ask the cluster what was set up, instead of what this machine knows of it",
                  .kind = OptionKind::flag,
                  .flag_only = true}};
  row.examples = {"raibid-cli config show", "raibid-cli config show --preset mirai -o json",
                  "raibid-cli config show -n raibid-redis --installed"};
  row.run = show_config;
  return row;
}

}  // namespace raibid
