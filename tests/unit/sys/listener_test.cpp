#include "sys/listener.hpp"

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "support/stranger.hpp"
#include "support/tcp_server.hpp"
#include "support/thrown.hpp"
#include "sys/unique_fd.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

/// Shares its port with others of ours, so that which of them is meant can be seen.
UniqueFd listen_at(int family, bool loopback, int port) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  int result = -1;
  if (family == AF_INET) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(loopback ? INADDR_LOOPBACK : INADDR_ANY);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    result = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } else {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    if (loopback) ::inet_pton(AF_INET6, "::ffff:127.0.0.1", &address.sin6_addr);
    address.sin6_port = htons(static_cast<std::uint16_t>(port));
    result = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  if (result != 0 || ::listen(fd.get(), 1) != 0) fd.reset();
  return fd;
}

std::uint64_t inode_of(const UniqueFd& fd) {
  struct stat status {};
  REQUIRE(::fstat(fd.get(), &status) == 0);
  return status.st_ino;
}

}  // namespace

TEST_CASE("listener: nobody, and ourselves") {
  const int port = free_port();
  CHECK_FALSE(find_listener(port).has_value());
  const UniqueFd socket = listen_at(AF_INET, true, port);
  REQUIRE(socket);
  const auto listener = find_listener(port);
  REQUIRE(listener);
  CHECK(listener->inode == inode_of(socket));
  CHECK(listener->uid == ::geteuid());
  CHECK(owns(::getpid(), *listener));
  CHECK_FALSE(owns(1, *listener));
  CHECK(has(describe(*listener), "process " + std::to_string(::getpid()) + " (unit_tests), user "));
}

TEST_CASE("listener: the most exact address answers at 127.0.0.1") {
  const int port = free_port();
  const auto found = [port] {
    const auto listener = find_listener(port);
    return listener ? listener->inode : 0;
  };
  const UniqueFd any6 = listen_at(AF_INET6, false, port);
  if (any6) CHECK(found() == inode_of(any6));
  const UniqueFd any = listen_at(AF_INET, false, port);
  REQUIRE(any);
  CHECK(found() == inode_of(any));
  UniqueFd exact = listen_at(AF_INET, true, port);
  REQUIRE(exact);
  CHECK(found() == inode_of(exact));
  exact.reset();
  CHECK(found() == inode_of(any));
}

TEST_CASE("listener: an IPv6 socket at the mapped loopback address counts") {
  const int port = free_port();
  const UniqueFd mapped = listen_at(AF_INET6, true, port);
  if (!mapped) return;  // a machine without IPv6
  const auto listener = find_listener(port);
  REQUIRE(listener);
  CHECK(listener->inode == inode_of(mapped));
}

TEST_CASE("listener: another process is named, and is not us") {
  const int port = free_port();
  const Stranger stranger(port);
  const auto listener = find_listener(port);
  REQUIRE(listener);
  CHECK_FALSE(owns(::getpid(), *listener));
  CHECK(owns(stranger.pid(), *listener));
  CHECK(has(describe(*listener), "process " + std::to_string(stranger.pid()) + " ("));
  if (::geteuid() == 0) CHECK(has(describe(*listener), "user nobody"));
}
