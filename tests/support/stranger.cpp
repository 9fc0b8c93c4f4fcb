#include "support/stranger.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <vector>

namespace raibid::test {

namespace {

constexpr uid_t nobody = 65534;

[[noreturn]] void listen_and_tell(int listener, int mouth) {
  std::vector<pollfd> open = {{listener, POLLIN, 0}};
  for (;;) {
    ::poll(open.data(), open.size(), -1);
    if (open.front().revents != 0) open.push_back({::accept(listener, nullptr, nullptr), POLLIN, 0});
    for (std::size_t i = 1; i < open.size(); ++i) {
      if (open[i].revents == 0) continue;
      std::array<char, 1024> text{};
      const ssize_t count = ::read(open[i].fd, text.data(), text.size());
      if (count <= 0) {
        ::close(open[i].fd);
        open[i].fd = -1;  // which poll passes over
        continue;
      }
      if (::write(mouth, text.data(), static_cast<std::size_t>(count)) != count) ::_exit(1);
      if (::write(open[i].fd, "+PONG\r\n", 7) != 7) ::_exit(1);
    }
  }
}

int bound(int family, const sockaddr* address, socklen_t size) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return ::bind(fd, address, size) == 0 && ::listen(fd, 8) == 0 ? fd : -1;
}

/// As another user, so that the socket is that user's as well.
class AsNobody {
 public:
  AsNobody() : m_root(::geteuid() == 0) {
    if (m_root) REQUIRE(::seteuid(nobody) == 0);
  }
  ~AsNobody() {
    if (m_root) REQUIRE(::seteuid(0) == 0);
  }

 private:
  bool m_root;
};

}  // namespace

Stranger::Stranger(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const AsNobody other;
  start(bound(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof address));
}

Stranger::Stranger(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(socket.size() < sizeof address.sun_path);
  socket.copy(address.sun_path, socket.size());
  const AsNobody other;
  start(bound(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address));
}

void Stranger::start(int listener) {
  REQUIRE(listener >= 0);
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  m_pid = ::fork();
  if (m_pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getuid() == 0 && (::seteuid(0) != 0 || ::setresuid(nobody, nobody, nobody) != 0)) ::_exit(1);
    listen_and_tell(listener, ends[1]);
  }
  ::close(listener);
  ::close(ends[1]);
  m_ear = ends[0];
  ::fcntl(m_ear, F_SETFL, O_NONBLOCK);
}

Stranger::~Stranger() {
  ::kill(m_pid, SIGKILL);
  ::waitpid(m_pid, nullptr, 0);
  ::close(m_ear);
}

std::string Stranger::heard() {
  std::array<char, 1024> text{};
  for (ssize_t count = 0; (count = ::read(m_ear, text.data(), text.size())) > 0;)
    m_heard.append(text.data(), static_cast<std::size_t>(count));
  return m_heard;
}

}  // namespace raibid::test
