#include "tools/web_socket.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "sys/random.hpp"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>
#include <utility>

namespace raibid {

namespace {

constexpr unsigned char final_bit = 0x80, reserved_bits = 0x70, opcode_bits = 0x0f;
constexpr unsigned char masked_bit = 0x80, length_bits = 0x7f;
/// A length that is one of these stands in the two, or eight, bytes behind it.
constexpr std::size_t length_in_two = 126, length_in_eight = 127;
constexpr std::size_t longest_short = 125, longest_in_two = 0xffff;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ExitCode::failure, "the Kubernetes API sent no WebSocket's frame: " + what);
}

void append_number(std::string& out, std::uint64_t number, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>((number >> shift) & 0xff);
}

std::uint64_t number_at(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

bool is_control(WebSocketOpcode opcode) { return static_cast<std::uint8_t>(opcode) >= 8; }

}  // namespace

void append_web_socket_frame(std::string& out, WebSocketOpcode opcode, std::string_view payload, std::uint32_t key) {
  out += static_cast<char>(final_bit | static_cast<unsigned char>(opcode));
  if (payload.size() <= longest_short) {
    out += static_cast<char>(masked_bit | payload.size());
  } else if (payload.size() <= longest_in_two) {
    out += static_cast<char>(masked_bit | length_in_two);
    append_number(out, payload.size(), 2);
  } else {
    out += static_cast<char>(masked_bit | length_in_eight);
    append_number(out, payload.size(), 8);
  }
  std::string mask;
  append_number(mask, key, 4);
  out += mask;
  const std::size_t begin = out.size();
  out += payload;
  for (std::size_t i = 0; i < payload.size(); ++i) out[begin + i] = static_cast<char>(out[begin + i] ^ mask[i % 4]);
}

std::optional<WebSocketReader::Message> WebSocketReader::next() {
  for (;;) {
    const std::string_view bytes = m_buffer;
    if (bytes.size() < 2) return std::nullopt;
    const auto first = static_cast<unsigned char>(bytes[0]);
    const auto second = static_cast<unsigned char>(bytes[1]);
    if ((first & reserved_bits) != 0) refuse("reserved bits are set");
    if ((second & masked_bit) != 0) refuse("it is masked");
    const auto opcode = static_cast<WebSocketOpcode>(first & opcode_bits);
    const bool is_final = (first & final_bit) != 0;
    std::uint64_t length = second & length_bits;
    const std::size_t behind = length == length_in_two ? 2 : length == length_in_eight ? 8 : 0;
    if (is_control(opcode) && (behind > 0 || !is_final)) refuse("a control frame is long, or in pieces");
    if (bytes.size() < 2 + behind) return std::nullopt;
    if (behind > 0) length = number_at(bytes.substr(2, behind));
    if (length > longest_message || m_pieces.size() + length > longest_message) refuse("it is longer than 16 MiB");
    const std::size_t whole = 2 + behind + static_cast<std::size_t>(length);
    if (bytes.size() < whole) return std::nullopt;
    std::string payload(bytes.substr(2 + behind, static_cast<std::size_t>(length)));
    m_buffer.erase(0, whole);
    if (is_control(opcode)) return Message{opcode, std::move(payload)};
    if ((opcode == WebSocketOpcode::more) != m_begun.has_value()) refuse("a piece without its message");
    if (!m_begun) m_begun = opcode;
    m_pieces += payload;
    if (is_final) return Message{*std::exchange(m_begun, std::nullopt), std::exchange(m_pieces, std::string())};
  }
}

std::string web_socket_key() {
  std::array<std::uint8_t, 16> bytes{};
  SystemRandom().fill(bytes);
  return base64_encode(std::string(bytes.begin(), bytes.end()));
}

std::string web_socket_accept(const std::string& key) {
  const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455, section 1.3
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return base64_encode(std::string(digest.begin(), digest.end()));
}

}  // namespace raibid
