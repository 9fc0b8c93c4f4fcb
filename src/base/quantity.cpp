#include "base/quantity.hpp"

#include "base/characters.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace raibid {

namespace {

/// 0.DIGITS times ten to the power of `point`, exactly: a quantity may have more digits than any machine number.
struct Decimal {
  bool negative = false;
  std::string digits;  ///< no zero first or last; empty for 0
  long long point = 0;
};

constexpr std::string_view decimal_suffixes = "num kMGTPE";  ///< 10^-9, 10^-6 … 10^18; the blank stands for none
constexpr std::string_view binary_suffixes = "KMGTPE";       ///< followed by i: 1024, 1024² …
constexpr long long largest_exponent = 1'000'000'000;        ///< past any use, and far from overflowing `point`

std::string take_digits(std::string_view& text) {
  const std::size_t count =
      static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
  std::string digits(text.substr(0, count));
  text.remove_prefix(count);
  return digits;
}

/// True for the sign -.
bool take_sign(std::string_view& text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  return negative;
}

void normalize(Decimal& number) {
  const std::size_t zeros = std::min(number.digits.find_first_not_of('0'), number.digits.size());
  number.digits.erase(0, zeros);
  number.point -= static_cast<long long>(zeros);
  number.digits.erase(number.digits.find_last_not_of('0') + 1);
}

void multiply(Decimal& number, unsigned factor) {
  unsigned carry = 0;
  for (auto digit = number.digits.rbegin(); digit != number.digits.rend(); ++digit) {
    carry += static_cast<unsigned>(*digit - '0') * factor;
    *digit = static_cast<char>('0' + carry % 10);
    carry /= 10;
  }
  const std::string front = carry > 0 ? std::to_string(carry) : "";
  number.digits.insert(0, front);
  number.point += static_cast<long long>(front.size());
}

/// e3, E+3, e-3: what stands behind the letter.
std::optional<long long> parse_exponent(std::string_view text) {
  const bool negative = take_sign(text);
  const std::string digits = take_digits(text);
  if (digits.empty() || !text.empty()) return std::nullopt;
  long long exponent = 0;
  for (const char c : digits) exponent = std::min(largest_exponent, exponent * 10 + (c - '0'));
  return negative ? -exponent : exponent;
}

bool apply_suffix(Decimal& number, std::string_view suffix) {
  if (suffix.empty()) return true;
  if (suffix.size() == 2 && suffix[1] == 'i') {
    const std::size_t power = binary_suffixes.find(suffix[0]);
    if (power == std::string_view::npos) return false;
    for (std::size_t i = 0; i <= power; ++i) multiply(number, 1024);
    return true;
  }
  if (suffix.size() == 1 && suffix != " ") {
    const std::size_t place = decimal_suffixes.find(suffix[0]);
    if (place == std::string_view::npos) return false;
    number.point += 3 * static_cast<long long>(place) - 9;
    return true;
  }
  if (suffix[0] != 'e' && suffix[0] != 'E') return false;
  const std::optional<long long> exponent = parse_exponent(suffix.substr(1));
  if (exponent) number.point += *exponent;
  return exponent.has_value();
}

std::optional<Decimal> parse(std::string_view text) {
  Decimal number;
  number.negative = take_sign(text);
  number.digits = take_digits(text);
  number.point = static_cast<long long>(number.digits.size());
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    number.digits += take_digits(text);
  }
  if (number.digits.empty() || !apply_suffix(number, text)) return std::nullopt;
  normalize(number);
  return number;
}

/// Rounded up; std::nullopt when it does not fit.
std::optional<std::int64_t> to_integer(const Decimal& number) {
  constexpr long long most_digits = 19;
  if (number.digits.empty()) return 0;
  if (number.point > most_digits) return std::nullopt;
  std::uint64_t value = 0;
  for (long long i = 0; i < number.point; ++i) {
    const std::size_t place = static_cast<std::size_t>(i);
    value = value * 10 + (place < number.digits.size() ? static_cast<std::uint64_t>(number.digits[place] - '0') : 0);
  }
  if (static_cast<long long>(number.digits.size()) > number.point) ++value;
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

/// What `text` was probably meant to be, when it is a number and something that looks like a unit, else `fallback`.
std::string guess(std::string_view text, bool memory, std::string fallback) {
  std::string squeezed;
  for (const char c : to_lower(text)) {
    if (c != ' ' && c != '_') squeezed += c == ',' ? '.' : c;
  }
  const std::size_t end = std::min(squeezed.find_first_not_of("0123456789."), squeezed.size());
  const std::string number = squeezed.substr(0, end);
  const std::string unit = squeezed.substr(end, 1);
  if (number.size() > 12 || !parse(number)) return fallback;
  if (!memory) return number + (unit == "m" ? "m" : "");
  const bool known = !unit.empty() && std::string_view("kmgtpe").find(unit[0]) != std::string_view::npos;
  return known ? number + static_cast<char>(unit[0] - 'a' + 'A') + "i" : fallback;
}

std::int64_t parse_scaled(std::string_view text, std::string_view what, bool memory) {
  const std::string fallback = memory ? "8Gi" : "500m";
  std::optional<Decimal> number = parse(text);
  if (!number) {
    throw Error(ExitCode::usage, fmt::format("{}: {} is not a quantity; write for instance {}", what, in_quotes(text),
                                             guess(text, memory, fallback)));
  }
  if (number->negative && !number->digits.empty()) {
    throw Error(ExitCode::usage,
                fmt::format("{}: {} is negative; write for instance {}", what, in_quotes(text), fallback));
  }
  if (!memory) number->point += 3;
  const std::optional<std::int64_t> value = to_integer(*number);
  if (!value) {
    throw Error(ExitCode::usage,
                fmt::format("{}: {} is too large; write for instance {}", what, in_quotes(text), fallback));
  }
  return *value;
}

}  // namespace

std::int64_t parse_bytes(std::string_view text, std::string_view what) { return parse_scaled(text, what, true); }

std::int64_t parse_millicores(std::string_view text, std::string_view what) { return parse_scaled(text, what, false); }

std::string format_bytes(std::int64_t bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = std::abs(static_cast<double>(bytes));
  const char* sign = bytes < 0 ? "-" : "";
  std::size_t unit = 0;
  // 1023.5 of a unit would be shown as 1024
  while (value >= 1023.5 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  const bool small = unit > 0 && value < 9.95;
  return fmt::format("{}{:.{}f} {}", sign, value, small ? 1 : 0, units[unit]);
}

}  // namespace raibid
