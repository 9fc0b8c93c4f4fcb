#pragma once

#include "sys/system_runner.hpp"
#include "sys/unique_fd.hpp"

namespace raibid {

/// The pipes' ends that stay with us, and the child's number.
struct Spawned {
  int pid = -1;
  bool own_group = true;  ///< it leads a process group
  UniqueFd pidfd, in, out, err;
};

/// fork and exec, see SystemRunner. Throws Error (preflight) when there is no such program.
Spawned spawn(const Command& command, const SystemRunner::Observer& observer);

}  // namespace raibid
