#include "components/redis/settings/record.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/component.hpp"
#include "components/presets.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/options.hpp"
#include "components/registry.hpp"

namespace raibid {

namespace {

Source source_of(const Choice& choice) {
  return choice.by == "flag" ? Source::flag : choice.by == "variable" ? Source::environment : Source::file;
}

Setting recorded(std::vector<std::string> values, Source from) {
  return {std::move(values), {Source::record, "recorded by an earlier setup", from}};
}

/// A flag or a variable, against which no file stands.
bool is_of_this_run(Source source) { return source >= Source::environment; }

bool tells(const Context& context, std::string_view option) {
  return context.settings.all().contains(option) && is_of_this_run(context.settings.origin(option).source);
}

/// A name, or a file: with its folder, or where that is not known here without.
std::string recorded_preset(const Spec& record) {
  if (!record.preset_file.empty()) return record.preset_file;
  const auto chosen = record.chosen.find("preset");
  const bool is_file =
      chosen != record.chosen.end() && !chosen->second.values.empty() && is_preset_file(chosen->second.values.front());
  return is_file ? chosen->second.values.front() : record.preset;
}

/// Whether the preset of this run was chosen instead of the recorded one.
bool chooses_preset(const Context& context, const Spec& record) {
  const Source now = context.settings.origin("preset").source;
  if (now != Source::file) return is_of_this_run(now);
  const auto chosen = record.chosen.find("preset");
  return chosen == record.chosen.end() || chosen->second.by == "file";
}

bool is_known(const std::string& preset) {
  if (is_preset_file(preset)) return std::filesystem::path(preset).is_absolute();
  const std::vector<std::string> names = builtin_presets();
  return std::find(names.begin(), names.end(), preset) != names.end();  // an earlier version recorded that of a file
}

Preset load_recorded(const Spec& record) {
  const std::string name = recorded_preset(record);
  const std::string what = fmt::format("this Redis was set up with preset {}", printable(record.preset));
  if (!is_known(name))
    throw Error(ExitCode::usage, what + ", whose file is not known here", "name it with --preset FILE");
  try {
    return load_preset(name, all_options(components()));
  } catch (Error& error) {
    throw Error(ExitCode::usage, fmt::format("{}: {}", what, error.message()),
                "name the preset's file with --preset FILE");
  }
}

bool is_the_preset(const Context& context, const Spec& record) {
  const std::string now = context.settings.text("preset");
  const std::string name = recorded_preset(record);
  if (is_preset_file(now) != is_preset_file(name) || context.preset.name != record.preset) return false;
  return !is_preset_file(name) || !is_known(name) || std::filesystem::absolute(now).lexically_normal() == name;
}

/// What names the Redis stays as it is, whatever the other preset says.
void keep_names(const Context& context, const std::string& name_space, SettingMap& record) {
  for (const char* const name : {"namespace", "release", "target"})
    record[name] = recorded(context.settings.list(name), Source::flag);
  if (!name_space.empty()) record["namespace"] = recorded({name_space}, Source::flag);
}

/// The recorded preset and names, which always hold.
SettingMap names_of(const Context& context, const Spec& record, const std::string& name_space) {
  SettingMap map;
  keep_names(context, name_space, map);
  const auto chosen = record.chosen.find("preset");
  // what nobody chose is not a choice because it is found again
  if (chosen != record.chosen.end() || !is_the_preset(context, record))
    map["preset"] =
        recorded({recorded_preset(record)}, chosen == record.chosen.end() ? Source::flag : source_of(chosen->second));
  return map;
}

/// What this run says as well is no news: it is recorded as it was.
Settings without_repetitions(const Settings& settings, const Choices& chosen) {
  SettingMap values = settings.all();
  for (const auto& [option, choice] : chosen) {
    const auto now = values.find(option);
    if (option == "preset" || now == values.end() || now->second.values != choice.values) continue;
    if (now->second.origin.source <= Source::file || choice.by != "file")
      now->second.origin.source = Source::default_value;
  }
  return Settings(std::move(values));
}

/// Values of --set are not recorded: they might be secrets.
void refuse_lost_sets(const Context& context, const Spec& record) {
  const auto sets = record.chosen.find("set");
  if (sets == record.chosen.end() || context.settings.origin("set").source > Source::record) return;
  throw Error(ExitCode::usage,
              fmt::format("this Redis was set up with --set {}, whose values are not recorded: they might be secrets",
                          printable(join(sets->second.values, ", "))),
              "give --set again, or use --reset to go back to the preset and the options of this run");
}

/// Files of another machine, of which a cluster has the names alone.
void refuse_lost_files(const Context& context, const Spec& record) {
  const auto files = record.chosen.find("values");
  if (files == record.chosen.end() || context.settings.origin("values").source > Source::record) return;
  for (const std::string& file : files->second.values) {
    if (std::filesystem::path(file).is_absolute()) continue;
    throw Error(ExitCode::usage,
                fmt::format("this Redis was set up with -f {}, whose folder is not known here", printable(file)),
                "give -f again, or use --reset to go back to the preset and the options of this run");
  }
}

/// `streams` are the record's, which knows no forms of jobs: those are the preset's.
std::vector<StreamSpec> with_forms(std::vector<StreamSpec> streams, const std::vector<StreamSpec>& preset) {
  for (std::size_t at = 0; at < streams.size(); ++at) {
    const auto same = [&](const StreamSpec& one) { return one.name == streams[at].name; };
    auto known = std::find_if(preset.begin(), preset.end(), same);
    // the preset's first stream under another name is still that queue
    if (known == preset.end() && at == 0) known = preset.begin();
    if (known != preset.end()) streams[at].jobs = known->jobs;
  }
  return streams;
}

void take_streams_of(const Spec& record, Preset& preset, SettingMap& map) {
  preset.streams = with_forms(record.streams, preset.streams);
  for (const char* const name : {"stream", "group", "max-length"}) preset.settings.erase(name);
  if (record.streams.empty()) return;
  const StreamSpec& first = record.streams.front();
  map["stream"] = recorded({first.name}, Source::flag);
  if (!first.groups.empty()) map["group"] = recorded({first.groups.front()}, Source::flag);
  map["max-length"] = recorded({std::to_string(first.max_length)}, Source::flag);
}

/// The user that clients of a Redis log in as stays until someone asks for another one, whatever a preset says by now.
void keep_user(Preset& preset, const Spec& record) {
  if (record.chosen.contains("user")) return;
  preset.settings["user"] = {{record.user.empty() ? "default" : record.user}, {Source::preset, "recorded"}};
}

bool is_of_the_queue(const std::string& option) {
  return option == "stream" || option == "group" || option == "max-length";
}

}  // namespace

void take_record_for_setup(Context& context, const Spec& record, const std::string& name_space) {
  if (record.preset.empty()) return;  // not set up by raibid-cli
  SettingMap map;
  if (chooses_preset(context, record)) {
    keep_names(context, name_space, map);
  } else {
    map = names_of(context, record, name_space);
    if (!is_the_preset(context, record)) context.preset = load_recorded(record);
  }
  Settings now = context.settings;
  if (!context.settings.flag("reset")) {
    refuse_lost_sets(context, record);
    refuse_lost_files(context, record);
    for (const auto& [option, choice] : record.chosen) {
      if (option != "preset" && option != "set") map[option] = recorded(choice.values, source_of(choice));
    }
    keep_user(context.preset, record);
    now = without_repetitions(now, record.chosen);
  }
  context.settings = with_record(all_options(components()), now, context.preset.settings, map);
}

void forget_choices(Context& context, const std::vector<std::string_view>& except) {
  SettingMap values = context.settings.all();
  const auto forget = [&](std::string_view option) {
    if (std::find(except.begin(), except.end(), option) != except.end()) return;
    const auto found = values.find(option);
    if (found != values.end() && found->second.origin.source >= Source::file)
      found->second.origin.source = Source::default_value;
  };
  for (const OptionSpec& option : redis_options()) {
    if (option.group != "Run") forget(option.name);
  }
  forget("preset");
  context.settings = Settings(std::move(values));
}

void take_record_to_read(Context& context, const Spec& record, NeedsPreset needs, const std::string& name_space) {
  if (record.preset.empty()) return;
  refuse_other_preset(context, record.preset);
  SettingMap map = names_of(context, record, name_space);
  map["preset"] = recorded({recorded_preset(record)}, Source::flag);
  if (!tells(context, "preset") && !is_the_preset(context, record)) {
    const std::string name = record.preset;
    if (needs == NeedsPreset::yes || is_known(recorded_preset(record))) {
      try {
        context.preset = load_recorded(record);
      } catch (const Error&) {
        if (needs == NeedsPreset::yes) throw;
        context.preset = Preset{};
      }
    } else {
      context.preset = Preset{};
    }
    context.preset.name = name;
  }
  for (const auto& [option, choice] : record.chosen) {
    const bool is_in_spec = is_of_the_queue(option) || option == "allow-from" || option == "preset";
    if (!is_in_spec && option != "set" && option != "values") map[option] = recorded(choice.values, source_of(choice));
  }
  keep_user(context.preset, record);
  take_streams_of(record, context.preset, map);
  context.preset.client_namespaces = record.clients;
  context.preset.services = record.services;
  // an earlier version left clients in the preset's own namespace: the record says who may connect
  context.preset.settings["namespace"] = {{map.at("namespace").values}, {Source::preset, "recorded"}};
  context.preset.settings.erase("allow-from");
  if (!record.clients.empty()) map["allow-from"] = recorded(record.clients, Source::flag);
  context.settings = with_record(all_options(components()), context.settings, context.preset.settings, map);
}

void refuse_other_preset(const Context& context, const std::string& recorded) {
  if (recorded.empty() || !tells(context, "preset") || context.preset.name == recorded) return;
  throw Error(
      ExitCode::usage,
      fmt::format("{} is preset {}, but release {} was set up with preset {}", named(context.settings, "preset"),
                  in_quotes(context.preset.name), release_of(context.settings), in_quotes(recorded)),
      "leave --preset out to use the recorded one; name another Redis with -n and --release");
}

RedisSettings settings_to_find(const Context& context) {
  SettingMap values = context.settings.all();
  for (const OptionSpec& option : redis_options()) {
    const auto found = values.find(option.name);
    if (found != values.end()) found->second = Setting{{}, {Source::default_value, "default"}};
  }
  return redis_settings(Settings(std::move(values)), context.preset, context.paths);
}

std::string kept_from_record(const Context& context, const Told& told) {
  std::vector<std::string> kept;
  for (const OptionSpec& option : redis_options()) {
    const auto said = told.settings.all().find(option.name);
    if (said != told.settings.all().end() && said->second.origin.source > Source::record &&
        said->second.values == context.settings.list(option.name))
      continue;
    const auto found = context.settings.all().find(option.name);
    if (found == context.settings.all().end() || found->second.origin.source != Source::record) continue;
    for (const std::string& value : found->second.values)
      kept.push_back(
          fmt::format("--{}{}{}", option.name, option.kind == OptionKind::flag ? "=" : " ", shell_quote(value)));
  }
  return join(kept, ", ");
}

std::string setup_flags(const Context& context) {
  std::string text;
  for (const OptionSpec& option : redis_options()) {
    const auto found = context.settings.all().find(option.name);
    if (found == context.settings.all().end() || found->second.origin.source != Source::flag) continue;
    for (const std::string& value : found->second.values) {
      if (!text.empty()) text += " ";
      text += option.kind != OptionKind::flag ? fmt::format("--{} {}", option.name, shell_quote(value))
              : value == "true"               ? fmt::format("--{}", option.name)
                                              : fmt::format("--{}={}", option.name, value);
    }
  }
  return text;
}

}  // namespace raibid
