#include "support/tcp_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace raibid {

namespace {

/// A socket bound to a free port of 127.0.0.1, and that port.
std::pair<int, int> bound_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no socket on 127.0.0.1");
  }
  return {fd, ntohs(address.sin_port)};
}

/// True when `fd` can be read; false when the server is to stop.
bool readable(int fd, int stop) {
  std::array<pollfd, 2> both = {{{fd, POLLIN, 0}, {stop, POLLIN, 0}}};
  while (::poll(both.data(), both.size(), -1) < 0) {
  }
  return both[1].revents == 0;
}

}  // namespace

bool TcpServer::Connection::wait_readable() { return readable(m_fd, m_stop); }

std::string TcpServer::Connection::read_until(std::string_view text) {
  std::string all;
  std::array<char, 4096> chunk;
  while (all.find(text) == std::string::npos && wait_readable()) {
    const ssize_t n = ::recv(m_fd, chunk.data(), chunk.size(), 0);
    if (n <= 0) break;
    all.append(chunk.data(), static_cast<std::size_t>(n));
  }
  return all;
}

bool TcpServer::Connection::send(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::send(m_fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void TcpServer::Connection::hang() {
  std::array<char, 4096> chunk;
  while (wait_readable() && ::recv(m_fd, chunk.data(), chunk.size(), 0) > 0) {
  }
}

namespace {

/// Passes on what is there. False at the end of either side or of `left`.
bool pass(int from, int to, std::size_t& left) {
  std::array<char, 16384> chunk;
  const ssize_t n = ::recv(from, chunk.data(), std::min(chunk.size(), left), 0);
  for (ssize_t sent = 0; sent < n;) {
    const ssize_t more = ::send(to, chunk.data() + sent, static_cast<std::size_t>(n - sent), MSG_NOSIGNAL);
    if (more <= 0) return false;
    sent += more;
  }
  left -= n > 0 ? static_cast<std::size_t>(n) : 0;
  return n > 0 && left > 0;
}

}  // namespace

void TcpServer::Connection::relay(int port, std::size_t most_in, std::size_t most_out) {
  const int upstream = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bool goes = ::connect(upstream, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  while (goes) {
    std::array<pollfd, 3> list = {{{m_fd, POLLIN, 0}, {upstream, POLLIN, 0}, {m_stop, POLLIN, 0}}};
    if (::poll(list.data(), list.size(), -1) < 0) continue;
    if (list[2].revents != 0) break;
    if (list[1].revents != 0) goes = pass(upstream, m_fd, most_out);
    if (goes && list[0].revents != 0) goes = pass(m_fd, upstream, most_in);
  }
  ::close(upstream);
}

TcpServer::TcpServer(std::function<void(Connection&)> handler) : m_handler(std::move(handler)) {
  std::tie(m_listener, m_port) = bound_socket();
  std::array<int, 2> stop;
  if (::listen(m_listener, 16) != 0 || ::pipe2(stop.data(), O_CLOEXEC) != 0) throw std::runtime_error("cannot listen");
  std::tie(m_stop_read, m_stop_write) = std::pair(stop[0], stop[1]);
  m_thread = std::thread([this] { serve(); });
}

TcpServer::~TcpServer() {
  ::close(m_stop_write);  // its reader becomes readable
  m_thread.join();
  ::close(m_stop_read);
  ::close(m_listener);
}

void TcpServer::serve() {
  while (readable(m_listener, m_stop_read)) {
    const int fd = ::accept4(m_listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    Connection connection(fd, m_stop_read);
    m_handler(connection);
    ::close(fd);
  }
}

int free_port() {
  const auto [fd, port] = bound_socket();
  ::close(fd);
  return port;
}

}  // namespace raibid
