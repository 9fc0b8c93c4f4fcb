#include "tools/redis_socket.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "sys/descriptors.hpp"
#include "tools/name_lookup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace raibid {

namespace {

/// Connects to one address. errno-like: 0, or why not.
int connect_to(const addrinfo& address, Runner& runner, TimePoint deadline, UniqueFd& result) {
  UniqueFd socket(::socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address.ai_protocol));
  if (socket.get() < 0) return errno;
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return errno;
    if (wait_for(runner, socket.get(), POLLOUT, deadline) == 0) return ETIMEDOUT;
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    if (error != 0) return error;
  }
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  result = std::move(socket);
  return 0;
}

}  // namespace

UniqueFd open_socket(const std::string& host, int port, Runner& runner, TimePoint deadline) {
  const Addresses addresses = look_up(host, port, runner, deadline);
  int reason = 0;
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    UniqueFd socket;
    reason = connect_to(*address, runner, deadline, socket);
    if (reason == 0) return socket;
  }
  throw Error(ExitCode::failure,
              fmt::format("cannot connect to Redis at {}:{}: {}", printable(host), port, ::strerror(reason)));
}

/// Through /proc, because an address has room for 107 characters and a home may be deeper than that.
UniqueFd open_unix_socket(const std::string& path) {
  const auto refused = [&path](const std::string& why) {
    return Error(ExitCode::failure, fmt::format("cannot connect to Redis at {}: {}", printable(path), why));
  };
  const std::size_t slash = path.rfind('/');
  const UniqueFd folder(::open(path.substr(0, slash + 1).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) throw refused(::strerror(errno));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = fmt::format("/proc/self/fd/{}/{}", folder.get(), path.substr(slash + 1));
  if (name.size() >= sizeof address.sun_path) throw refused("its name is too long");
  name.copy(address.sun_path, name.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw refused(::strerror(errno));
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) throw refused(::strerror(errno));
  if (peer.uid != ::geteuid() && peer.uid != 0)
    throw refused(fmt::format("process {} of user {} listens there", peer.pid, peer.uid));
  return socket;
}

}  // namespace raibid
