#pragma once

#include <string>
#include <vector>

#include "config/settings.hpp"

namespace raibid {

struct CommandRow;

/// A command line, understood.
struct Invocation {
  const CommandRow* row = nullptr;  ///< nullptr only with `help` or `version`
  std::string verb, object;         ///< the words as given, for --help of a verb alone
  bool help = false;
  bool version = false;
  SettingMap flags;
  std::vector<std::string> arguments;  ///< the words behind the command, and all behind "--", untouched
};

}  // namespace raibid
