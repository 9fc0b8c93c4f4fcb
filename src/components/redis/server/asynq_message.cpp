#include "components/redis/server/asynq_message.hpp"

namespace raibid {

namespace {

/// Reads the wire format of Protocol Buffers: a key (number and type), then a value, again and again.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : m_bytes(bytes) {}

  /// Goes to the next field. False at the end, and when the bytes are broken.
  bool next() {
    if (m_bytes.empty() || m_broken) return false;
    const std::uint64_t key = varint();
    m_number = key >> 3;
    m_value = 0;
    m_text = {};
    switch (key & 7) {
      case 0:
        m_value = varint();
        break;
      case 1:
        take(8);
        break;
      case 2:
        m_text = take(varint());
        break;
      case 5:
        take(4);
        break;
      default:  // groups, which no message of today has
        m_broken = true;
    }
    if (m_number == 0) m_broken = true;
    return !m_broken;
  }

  bool broken() const { return m_broken; }
  std::uint64_t number() const { return m_number; }
  std::int64_t value() const { return static_cast<std::int64_t>(m_value); }
  std::string text() const { return std::string(m_text); }
  std::string_view bytes() const { return m_text; }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !m_bytes.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(m_bytes.front());
      m_bytes.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    m_broken = true;
    return 0;
  }

  std::string_view take(std::uint64_t count) {
    if (m_broken || count > m_bytes.size()) {
      m_broken = true;
      return {};
    }
    const std::string_view taken = m_bytes.substr(0, static_cast<std::size_t>(count));
    m_bytes.remove_prefix(static_cast<std::size_t>(count));
    return taken;
  }

  std::string_view m_bytes, m_text;
  std::uint64_t m_number = 0, m_value = 0;
  bool m_broken = false;
};

/// An entry of a map: key and value are fields 1 and 2.
bool add_header(std::string_view bytes, AsynqMessage& message) {
  auto& [name, value] = message.headers.emplace_back();
  WireReader reader(bytes);
  while (reader.next()) {
    if (reader.number() == 1) name = reader.text();
    if (reader.number() == 2) value = reader.text();
  }
  return !reader.broken();
}

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(value);
}

void append_text(std::string& out, std::uint64_t field, const std::string& text) {
  if (text.empty()) return;
  append_varint(out, field << 3 | 2);
  append_varint(out, text.size());
  out += text;
}

void append_number(std::string& out, std::uint64_t field, std::int64_t number) {
  if (number == 0) return;
  append_varint(out, field << 3);
  append_varint(out, static_cast<std::uint64_t>(number));
}

}  // namespace

std::string encode_asynq_message(const AsynqMessage& message) {
  std::string out;
  append_text(out, 1, message.type);
  append_text(out, 2, message.payload);
  append_text(out, 3, message.id);
  append_text(out, 4, message.queue);
  append_number(out, 5, message.retry);
  append_number(out, 6, message.retried);
  append_text(out, 7, message.error);
  append_number(out, 8, message.timeout);
  append_number(out, 9, message.deadline);
  append_text(out, 10, message.unique_key);
  append_number(out, 11, message.last_failed_at);
  append_number(out, 12, message.retention);
  append_number(out, 13, message.completed_at);
  append_text(out, 14, message.group);
  for (const auto& [name, value] : message.headers) {
    std::string entry;
    append_text(entry, 1, name);
    append_text(entry, 2, value);
    append_text(out, 15, entry.empty() ? std::string("\x0a\x00", 2) : entry);
  }
  return out;
}

std::optional<AsynqMessage> decode_asynq_message(std::string_view bytes) {
  AsynqMessage message;
  WireReader reader(bytes);
  while (reader.next()) {
    switch (reader.number()) {
      case 1:
        message.type = reader.text();
        break;
      case 2:
        message.payload = reader.text();
        break;
      case 3:
        message.id = reader.text();
        break;
      case 4:
        message.queue = reader.text();
        break;
      case 5:
        message.retry = reader.value();
        break;
      case 6:
        message.retried = reader.value();
        break;
      case 7:
        message.error = reader.text();
        break;
      case 8:
        message.timeout = reader.value();
        break;
      case 9:
        message.deadline = reader.value();
        break;
      case 10:
        message.unique_key = reader.text();
        break;
      case 11:
        message.last_failed_at = reader.value();
        break;
      case 12:
        message.retention = reader.value();
        break;
      case 13:
        message.completed_at = reader.value();
        break;
      case 14:
        message.group = reader.text();
        break;
      case 15:
        if (!add_header(reader.bytes(), message)) return std::nullopt;
        break;
      default:
        break;
    }
  }
  if (reader.broken()) return std::nullopt;
  return message;
}

}  // namespace raibid
