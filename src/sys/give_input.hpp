#pragma once

#include <string_view>

namespace raibid {

class Process;

/// More of a child's standard input, which stays open: for one that was started with Command::input_follows and not fed
/// yet. What a child that has ended or closed its input is given is dropped. Throws std::logic_error for a process that
/// is not SystemRunner's.
void give_input(Process& process, std::string_view more);

}  // namespace raibid
