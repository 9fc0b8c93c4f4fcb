#pragma once

#include <string>
#include <vector>

#include "sys/clock.hpp"
#include "sys/unique_fd.hpp"

namespace raibid {

/// Starts this program again with these arguments, in a session of its own and without a terminal: it outlives us,
/// nothing can ask anybody through it, and what it says goes nowhere. The descriptor is at its end when the new run is
/// over. Throws Error (failure) when it cannot be started.
UniqueFd start_detached(const std::vector<std::string>& arguments);

/// Waits for the end of `run`, at most `limit`.
void wait_for_end(const UniqueFd& run, Duration limit);

/// Ends this program, successfully and without a word, when it still runs after `limit`: for an answer that is of no
/// use later, whatever the run waits for meanwhile.
void end_after(Duration limit);

}  // namespace raibid
