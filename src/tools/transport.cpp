#include "tools/transport.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace raibid {

namespace {

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(UniqueFd socket) : m_socket(std::move(socket)) {}

  int fd() const override { return m_socket.get(); }
  short events(bool to_read, bool to_write) const override {
    return static_cast<short>((to_read ? POLLIN : 0) | (to_write ? POLLOUT : 0));
  }
  bool may_read(short ready) const override { return (ready & (POLLIN | POLLHUP | POLLERR)) != 0; }
  bool may_write(short ready) const override { return (ready & POLLOUT) != 0; }

  std::size_t write(std::string_view bytes) override {
    const ssize_t sent = ::send(m_socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR ? 0 : bytes.size();
    return static_cast<std::size_t>(sent);
  }

  Read read(std::span<char> buffer) override {
    const ssize_t got = ::recv(m_socket.get(), buffer.data(), buffer.size(), 0);
    if (got > 0) return {static_cast<std::size_t>(got)};
    if (got == 0) return {.closed = true};
    if (errno == EAGAIN || errno == EINTR) return {};
    return {.closed = true, .error = errno};
  }

 private:
  UniqueFd m_socket;
};

}  // namespace

std::unique_ptr<Transport> plain_transport(UniqueFd socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

}  // namespace raibid
