#include "base/printable.hpp"

#include "base/strings.hpp"

#include "base/utf8.hpp"

#include <cstddef>
#include <cstdint>

namespace raibid {

namespace {

std::uint32_t byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

bool is_control(char32_t value) { return value < 0x20 || (value >= 0x7f && value < 0xa0); }

/// They turn the direction of what follows, so that a text reads as something else.
bool is_bidi_control(char32_t value) {
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
    const CodePoint point = decode_utf8(text, 0);
    if (!point.valid) {
      append_utf8(clean, point.value);
    } else if (point.value == '\n' || point.value == '\r' || point.value == '\t') {
      clean += ' ';
    } else if (!is_control(point.value) && !is_bidi_control(point.value)) {
      clean += text.substr(0, point.length);
    }
    text.remove_prefix(point.length);
  }
  return clean;
}

}  // namespace raibid
