#pragma once

#include <string>

#include "base/change_guard.hpp"
#include "sys/clock.hpp"

namespace raibid {

/// What tells a process from a later one of the same number, also after a reboot: its start time (field 22 of
/// /proc/PID/stat, see proc(5)) and the boot's id. "" when no such process runs (a zombie does not).
std::string process_identity(int pid);

/// Ends the process and its group with SIGKILL if it is still the one with this identity, which need not be a child of
/// ours. False when it is not gone after `patience`.
bool kill_process(int pid, const std::string& identity, Duration patience);

/// Sends a signal to a process that need not be a child of ours; one that is gone is fine. In a dry run it throws, see
/// ChangeGuard.
void signal_process(const ChangeGuard& guard, int pid, int number);

}  // namespace raibid
