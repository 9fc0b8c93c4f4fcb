#include "base/strings.hpp"

#include <cstddef>
#include <cstdint>

namespace raibid {

namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 0;  ///< in bytes; 0 when the bytes are not UTF-8
};

std::uint32_t byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

/// The first code point of `text`, by the table of well-formed sequences (Unicode 15, table 3-7).
CodePoint decode(std::string_view text) {
  const std::uint32_t first = byte_at(text, 0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return {};
  std::uint32_t value = first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte_at(text, i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte_at(text, i) & 0x3f);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (overlong || surrogate || value > 0x10ffff) return {};
  return {value, length};
}

bool is_control(std::uint32_t value) { return value < 0x20 || (value >= 0x7f && value < 0xa0); }

/// They turn the direction of what follows, so that a text reads as something else.
bool is_bidi_control(std::uint32_t value) {
  return (value >= 0x202a && value <= 0x202e) || (value >= 0x2066 && value <= 0x2069);
}

/// The length of the terminal's control sequence (ESC [ … letter) that `text` starts with, or 0.
std::size_t escape_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  std::size_t end = 2;
  while (end < text.size() && byte_at(text, end) >= 0x20 && byte_at(text, end) < 0x40) ++end;
  return end < text.size() && byte_at(text, end) < 0x7f && byte_at(text, end) >= 0x40 ? end + 1 : end;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    if (const std::size_t escape = escape_length(text); escape > 0) {
      text.remove_prefix(escape);
      continue;
    }
    const CodePoint point = decode(text);
    if (point.length == 0) {
      clean += "\xef\xbf\xbd";
      text.remove_prefix(1);
      continue;
    }
    if (point.value == '\n' || point.value == '\r' || point.value == '\t') {
      clean += ' ';
    } else if (!is_control(point.value) && !is_bidi_control(point.value)) {
      clean += text.substr(0, point.length);
    }
    text.remove_prefix(point.length);
  }
  return clean;
}

}  // namespace raibid
