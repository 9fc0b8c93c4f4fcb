#pragma once

#include <string>

#include "sys/process.hpp"
#include "sys/unique_fd.hpp"

namespace raibid {

/// A socket that does not block, connected to the first address of `host` that answers. Throws Error (failure), and
/// Interrupted when a signal comes meanwhile.
UniqueFd open_socket(const std::string& host, int port, Runner& runner, TimePoint deadline);

/// The same to a Unix socket, whose other end has to be ours or root's.
UniqueFd open_unix_socket(const std::string& path);

}  // namespace raibid
