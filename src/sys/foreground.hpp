#pragma once

#include <functional>

#include "base/change_guard.hpp"
#include "sys/process.hpp"

namespace raibid {

class Signals;

/// Runs a program in the foreground: with our own standard streams and in our process group, so that it owns the
/// terminal and Ctrl-C is its to handle. `idle` is called a few times a second meanwhile. Returns the exit code, or 128
/// + signal. Throws Error (preflight) when it cannot be started, Interrupted on SIGTERM or SIGHUP (the child is
/// ended first). In a dry run it throws, see ChangeGuard: nobody knows what the program does. `without`: variables of
/// ours that it does not get, unless the command sets them. `with`: a descriptor that it gets, -1 for none.
int run_foreground(const ChangeGuard& guard, const Command& command, Signals& signals,
                   const std::function<void()>& idle, const std::vector<std::string>& without = {}, int with = -1);

}  // namespace raibid
