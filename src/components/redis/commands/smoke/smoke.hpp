#pragma once

#include <string>
#include <vector>

#include "components/component.hpp"

namespace raibid {

class SmokeBench;

/// `smoke redis`: does on the real server what the preset's application does, under a prefix that is removed
/// afterwards, and prints each operation with the time it took. Exit code 0 only when all pass. With --durability,
/// smoke_durability.
CommandResult smoke_redis(Context& context, const std::vector<std::string>& arguments);
std::vector<OptionSpec> smoke_options();

/// One operation and what came of it.
struct SmokeRow {
  std::string name;
  bool passed = false;
  bool permitted = true;
  std::string text;
  double milliseconds = 0;
};
/// The operations of bench's preset, one after the other; takes everything away again, also when a signal comes. Throws
/// Error (usage) for an operation that there is not.
std::vector<SmokeRow> run_smoke(Context& context, SmokeBench& bench);

}  // namespace raibid
