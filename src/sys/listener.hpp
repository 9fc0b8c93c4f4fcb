#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace raibid {

/// The socket that answers a TCP connection to 127.0.0.1 (proc(5), /proc/net/tcp and tcp6).
struct Listener {
  std::uint64_t inode = 0;
  uid_t uid = 0;
};

/// Who listens at 127.0.0.1:`port`: the most exact address wins, as the kernel has it. std::nullopt for nobody.
std::optional<Listener> find_listener(int port);

/// Whether process `pid` has this socket open. False as well when we may not look, as at another user's process.
bool owns(int pid, const Listener& listener);

/// "process 4711 (nc), user nobody"; only the user where we may not look for the process.
std::string describe(const Listener& listener);

}  // namespace raibid
