#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace raibid {

enum class WebSocketOpcode : std::uint8_t { more = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// Appends a client's frame with a whole message, masked by `key` (RFC 6455, section 5).
void append_web_socket_frame(std::string& out, WebSocketOpcode opcode, std::string_view payload, std::uint32_t key);

/// Takes what a server sends apart: messages, whole again where they came in pieces, and the frames between them.
class WebSocketReader {
 public:
  static constexpr std::size_t longest_message = 16u << 20;

  struct Message {
    WebSocketOpcode opcode;
    std::string payload;
  };

  void add(std::string_view bytes) { m_buffer += bytes; }
  /// The next one that has come whole. Throws Error (failure) for what a server may not send.
  std::optional<Message> next();

 private:
  std::string m_buffer;
  std::string m_pieces;
  std::optional<WebSocketOpcode> m_begun;  ///< the message that m_pieces belong to
};

/// A handshake's key, new each time, and what a server answers to it.
std::string web_socket_key();
std::string web_socket_accept(const std::string& key);

}  // namespace raibid
