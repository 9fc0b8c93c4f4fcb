#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/option.hpp"
#include "sys/clock.hpp"
#include "sys/environment.hpp"

namespace raibid {

/// Where a setting's value came from, lowest first: a higher source replaces a lower one.
enum class Source {
  default_value,
  preset,
  record,  ///< kept with what was set up: an earlier run was told so
  file,
  environment,
  flag
};

struct Origin {
  Source source = Source::default_value;
  std::string where;  ///< "--size", "RAIBID_SIZE", "~/.raibid/config.yaml:3", "preset raibid", "default"
  Source recorded_from = Source::default_value;  ///< of a recorded value: where the earlier run had it from
  bool only_here = false;                        ///< from a file that counts in this folder alone
};

struct Setting {
  std::vector<std::string> values;  ///< one, except for lists; empty when it is not set at all
  Origin origin;
};

/// Values as given, by option name: from the command line, or from a file with their lines.
using SettingMap = std::map<std::string, Setting, std::less<>>;

/// Every setting of a run with its origin, those that nobody gave included: `all` is what `config show` shows. Values
/// are checked against their option's kind when they are resolved, so the typed getters cannot fail for an option of
/// that kind; asking for an unknown name is a programming error (std::logic_error).
class Settings {
 public:
  Settings() = default;
  explicit Settings(SettingMap values) : m_values(std::move(values)) {}

  bool is_set(std::string_view name) const;       ///< has a value, given or by default; a flag always has one
  std::string text(std::string_view name) const;  ///< "" when not set; the numbers below are 0 then
  bool flag(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;
  long long integer(std::string_view name) const;
  std::int64_t bytes(std::string_view name) const;
  std::int64_t millicores(std::string_view name) const;
  Duration duration(std::string_view name) const;
  const Origin& origin(std::string_view name) const;
  const SettingMap& all() const { return m_values; }

 private:
  const Setting& at(std::string_view name) const;
  SettingMap m_values;
};

/// Merges the sources. `options` are all of the program's, not only those of the command: variables and files are for
/// every command. An empty variable counts as not set; a list is given as lines. Throws Error (usage) naming origin and
/// value for a value that its option does not take, even where a higher source replaces it.
/// `warnings` gains a line for each RAIBID_ variable that is no option (with the nearest name) or of no effect; what
/// raibid's other programs read (RAIBID_REDIS_URL, …) is passed over.
Settings resolve_settings(std::span<const OptionSpec> options, const SettingMap& flags, const Environment& environment,
                          const SettingMap& file, const SettingMap& preset, std::vector<std::string>& warnings);

/// `settings` with this preset in place of the one they were resolved with, and with what was recorded. Flags and
/// variables of this run stand above the record. So does the config file, unless a flag or a variable was recorded,
/// which stood above the file then, too. What is recorded and is no option (any more) is left out. Throws as
/// resolve_settings.
Settings with_record(std::span<const OptionSpec> options, const Settings& settings, const SettingMap& preset,
                     const SettingMap& record);

/// "RAIBID_MEMORY_LIMIT" for "memory-limit".
std::string variable_name(std::string_view option);

}  // namespace raibid
