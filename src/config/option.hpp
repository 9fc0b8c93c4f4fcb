#pragma once

#include <string_view>
#include <vector>

namespace raibid {

enum class OptionKind {
  text,
  flag,    ///< true or false; on the command line its name alone means true
  list,    ///< may be given several times
  choice,  ///< one of `choices`
  integer,
  duration,  ///< "90s", "5m", "1h30m"
  bytes,     ///< a Kubernetes quantity
  cpu,       ///< a Kubernetes quantity
};

/// What an option's value names, for completion: names that have to be looked up when someone presses TAB.
enum class NamedThing { none, context, name_space, release, storage_class };

/// One setting: the flag --NAME, the variable RAIBID_NAME (upper case, - as _), the key NAME of config.yaml and of a
/// preset's `settings`. Flags, help, completion, `config show` and the checks of files all come from these rows.
struct OptionSpec {
  std::string_view name;
  std::string_view help;
  OptionKind kind = OptionKind::text;
  std::string_view metavar = {};
  std::string_view default_value = {};
  std::vector<std::string_view> choices = {};
  char letter = 0;              ///< the short flag, or 0
  bool flag_only = false;       ///< no variable and no key in files: it belongs to one run (--dry-run)
  std::string_view group = {};  ///< heading in --help
  bool is_path = false;  ///< its value may name a file: a leading "~/" is the user's home, also where no shell sees it
  bool not_in_files = false;   ///< a variable, but no key in files: it says where the file is, or answers a question
  bool means_dry_run = false;  ///< given, it is --dry-run as well
  std::string_view implicit_value = {};  ///< what --NAME alone means, when its value may be left out: --NAME[=VALUE]
  NamedThing names = NamedThing::none;
};

/// Whether the word behind --NAME is its value.
bool takes_next_word(const OptionSpec& option);

/// The options that every command takes.
const std::vector<OptionSpec>& global_options();

}  // namespace raibid
