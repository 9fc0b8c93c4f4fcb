#pragma once

namespace raibid {

/// Of ASCII alone, whatever the locale is.
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_lower_case(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_letter(char c) { return is_lower_case(c) || (c >= 'A' && c <= 'Z'); }
constexpr bool is_lower_or_digit(char c) { return is_lower_case(c) || is_digit(c); }
constexpr bool is_alphanumeric(char c) { return is_letter(c) || is_digit(c); }

}  // namespace raibid
