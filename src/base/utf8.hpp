#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace raibid {

/// One code point of a text in UTF-8.
struct CodePoint {
  char32_t value = U'\uFFFD';
  std::size_t length = 1;  ///< in bytes
  bool valid = false;      ///< when not: a byte that starts no code point, to be taken as U+FFFD
};

/// The code point at `at`, which must be inside `text`. Overlong forms, surrogates and cut-off ends are not valid.
CodePoint decode_utf8(std::string_view text, std::size_t at);

void append_utf8(std::string& text, char32_t code_point);

}  // namespace raibid
