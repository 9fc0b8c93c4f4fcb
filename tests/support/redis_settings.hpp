#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "components/redis/settings/options.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid::test {

/// One option as a test gives it; `where` is its origin, "" for the flag itself.
struct Given {
  std::string name;
  std::string value;
  std::string where = {};
  Source source = Source::flag;
};

/// Settings as resolved from these over the options' defaults, for namespace and release raibid-redis.
inline Settings settings_of(const std::vector<Given>& given) {
  std::vector<OptionSpec> options = global_options();
  for (const OptionSpec& option : redis_options()) options.push_back(option);
  SettingMap values;
  for (const OptionSpec& option : options) {
    Setting& setting = values[std::string(option.name)];
    setting.origin = {Source::default_value, "default"};
    if (!option.default_value.empty()) setting.values = {std::string(option.default_value)};
    if (option.kind == OptionKind::flag) setting.values = {"false"};
  }
  values["namespace"] = values["release"] = {{"raibid-redis"}, {Source::preset, "preset raibid:4"}};
  for (const Given& one : given) {
    Setting& setting = values.at(one.name);
    const Origin origin{one.source, one.where.empty() ? "--" + one.name : one.where};
    const bool more =
        setting.origin.source == one.source && setting.origin.where == origin.where;  // a list, given again
    if (!more) setting.values.clear();
    setting.values.push_back(one.value);
    setting.origin = origin;
  }
  return Settings(values);
}

/// What the built-in preset of the first seed says.
inline Preset job_queue_preset() {
  Preset preset;
  preset.name = "raibid";
  preset.redis = {{"appendonly", "yes"},
                  {"appendfsync", "everysec"},
                  {"aof-load-truncated", "yes"},
                  {"save", ""},
                  {"maxmemory-policy", "noeviction"}};
  preset.streams = {{"raibid:jobs", {"raibid-workers"}, 10000}};
  return preset;
}

inline Paths some_paths() { return {"/home/u/.raibid", "/home/u", "/tmp"}; }

inline RedisSettings redis_settings_of(const std::vector<Given>& given, const Preset& preset = job_queue_preset()) {
  return redis_settings(settings_of(given), preset, some_paths());
}

}  // namespace raibid::test
