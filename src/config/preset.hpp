#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/option.hpp"
#include "config/settings.hpp"

namespace raibid {

/// A stream that setup creates, with the groups that read it.
struct StreamSpec {
  std::string name;
  std::vector<std::string> groups;
  std::int64_t max_length = 0;  ///< 0: no limit
};

/// A system's Redis, as a file of templates/presets or of the user's describes it.
struct Preset {
  std::string name;
  std::string description;
  SettingMap settings;                                            ///< values for options, with file:line origins
  std::vector<std::pair<std::string, std::string>> redis;         ///< redis.conf directives, in order; a directive may repeat (save)
  std::vector<StreamSpec> streams;
  std::vector<std::string> client_namespaces;                     ///< who may connect, as --allow-from; empty: the cluster's own pods
  std::vector<std::string> services;                              ///< further names of the Service that the application expects
  std::vector<std::pair<std::string, std::string>> environment;   ///< the application's variables: templates over {{host}} {{port}} {{password}} {{url}} …
  std::vector<std::string> smoke;                                 ///< names of the operations that prove it
  std::map<std::string, std::string> accepted;                    ///< silenced warnings: name → reason
};

/// Parses a preset. `origin` names the file in errors (Error usage, with line): unknown key (nearest offered), wrong
/// shape, a setting that is no option of `options`, as load_config_file.
Preset parse_preset(std::string_view yaml, const std::string& origin, std::span<const OptionSpec> options);

}  // namespace raibid
