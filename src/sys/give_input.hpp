#pragma once

#include <cstddef>
#include <string_view>

namespace raibid {

class Process;

/// More of a child's standard input, which stays open: for one that was started with Command::input_follows and not fed
/// yet. What a child that has ended or closed its input is given is dropped. Throws std::logic_error for a process that
/// is not SystemRunner's.
void give_input(Process& process, std::string_view more);

/// How much of what it was given a child has not taken yet. Throws as give_input.
std::size_t untaken_input(const Process& process);

}  // namespace raibid
