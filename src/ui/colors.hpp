#pragma once

#include <string>
#include <string_view>

namespace raibid {

// The colours of results, as SGR codes (ECMA-48).
inline constexpr const char* color_red = "31";
inline constexpr const char* color_green = "32";
inline constexpr const char* color_yellow = "33";
inline constexpr const char* color_dim = "2";

/// The text in this colour, or as it is.
inline std::string painted(std::string_view text, const char* code, bool color) {
  if (!color || text.empty()) return std::string(text);
  return std::string("\x1b[") + code + "m" + std::string(text) + "\x1b[0m";
}

}  // namespace raibid
