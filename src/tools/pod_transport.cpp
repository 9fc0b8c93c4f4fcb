#include "tools/pod_transport.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "sys/random.hpp"
#include "tools/web_socket.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace raibid {

namespace {

constexpr char data_channel = 0, error_channel = 1;
constexpr std::size_t port_bytes = 2;
/// A message's bytes at most, and what may be unsent before no more is taken.
constexpr std::size_t most_in_frame = 64u << 10;
constexpr std::size_t most_unsent = 256u << 10;

class PodTransport final : public Transport {
 public:
  PodTransport(UniqueFd socket, std::string_view received, std::string where, std::shared_ptr<bool> broken)
      : m_socket(std::move(socket)), m_where(std::move(where)), m_broken(std::move(broken)) {
    m_reader.add(received);
    m_begins = !received.empty();
  }

  int fd() const override { return m_socket.get(); }
  short events(bool to_read, bool to_write) const override {
    return static_cast<short>((to_read ? POLLIN : 0) | (to_write || unsent() > 0 ? POLLOUT : 0));
  }
  bool may_read(short ready) const override {
    // what is left to send goes out while somebody reads
    return (ready & (POLLIN | POLLHUP | POLLERR)) != 0 || (unsent() > 0 && (ready & POLLOUT) != 0);
  }
  bool may_write(short ready) const override { return (ready & POLLOUT) != 0; }

  bool has_more() const override { return m_begins || !m_data.empty(); }

  std::size_t write(std::string_view bytes) override {
    if (m_closed) return bytes.size();
    flush();
    std::size_t taken = 0;
    while (taken < bytes.size() && unsent() < most_unsent) {
      const std::string_view part = bytes.substr(taken, most_in_frame);
      std::string message(1, data_channel);
      message += part;
      send(WebSocketOpcode::binary, message);
      ::explicit_bzero(message.data(), message.size());
      taken += part.size();
      flush();
    }
    return taken;
  }

  Read read(std::span<char> buffer) override {
    flush();
    m_begins = false;
    if (m_data.empty()) receive();
    take_messages();
    if (m_data.empty() && !m_error.empty())
      throw Error(ExitCode::failure, fmt::format("cannot connect to {}: {}", m_where, printable(m_error)));
    if (m_data.empty()) return {.closed = m_closed, .error = m_errno};
    const std::size_t size = std::min(buffer.size(), m_data.size());
    std::copy_n(m_data.begin(), size, buffer.begin());
    m_data.erase(0, size);
    return {.bytes = size, .more = !m_data.empty()};
  }

 private:
  std::size_t unsent() const { return m_out.size() - m_sent; }

  void send(WebSocketOpcode opcode, std::string_view payload) {
    std::array<std::uint8_t, 4> key{};
    m_random.fill(key);
    append_web_socket_frame(m_out, opcode, payload,
                            static_cast<std::uint32_t>(key[0]) << 24 | static_cast<std::uint32_t>(key[1]) << 16 |
                                static_cast<std::uint32_t>(key[2]) << 8 | key[3]);
  }

  void flush() {
    while (unsent() > 0) {
      const ssize_t count = ::send(m_socket.get(), m_out.data() + m_sent, unsent(), MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      if (count < 0) m_sent = m_out.size();  // nobody takes it; reading tells why
      if (count > 0) m_sent += static_cast<std::size_t>(count);
    }
    m_out.clear();
    m_sent = 0;
  }

  void receive() {
    std::array<char, 64 << 10> buffer;
    const ssize_t count = ::recv(m_socket.get(), buffer.data(), buffer.size(), 0);
    if (count > 0) return m_reader.add(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    close(count < 0 ? errno : 0);
  }

  void close(int error) {
    m_closed = true;
    m_errno = error;
    *m_broken = true;
  }

  void take_messages() {
    while (const auto message = m_reader.next()) {
      switch (message->opcode) {
        case WebSocketOpcode::ping:
          send(WebSocketOpcode::pong, message->payload);
          flush();
          break;
        case WebSocketOpcode::close:
          close(0);
          break;
        case WebSocketOpcode::text:
        case WebSocketOpcode::binary:
          take(message->payload);
          break;
        default:
          break;
      }
    }
  }

  void take(std::string_view message) {
    if (message.empty()) return;
    const char channel = message.front();
    message.remove_prefix(1);
    if (channel != data_channel && channel != error_channel) return;
    std::size_t& of_port = m_of_port[static_cast<std::size_t>(channel)];
    const std::size_t skipped = std::min(of_port, message.size());
    of_port -= skipped;
    message.remove_prefix(skipped);
    if (channel == data_channel) {
      m_data += message;
    } else if (!message.empty()) {
      m_error += message;
      *m_broken = true;
    }
  }

  UniqueFd m_socket;
  std::string m_where;
  std::shared_ptr<bool> m_broken;
  SystemRandom m_random;
  WebSocketReader m_reader;
  std::array<std::size_t, 2> m_of_port{port_bytes, port_bytes};  ///< still to come of each channel's port
  std::string m_out;
  std::size_t m_sent = 0;  ///< of it
  std::string m_data;      ///< for whoever reads
  std::string m_error;     ///< the kubelet's words
  bool m_begins = false;   ///< what came with the handshake has not been looked at
  bool m_closed = false;
  int m_errno = 0;
};

}  // namespace

std::unique_ptr<Transport> pod_transport(UniqueFd socket, std::string_view received, std::string where,
                                         std::shared_ptr<bool> broken) {
  return std::make_unique<PodTransport>(std::move(socket), received, std::move(where), std::move(broken));
}

}  // namespace raibid
