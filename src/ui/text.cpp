#include "ui/text.hpp"

#include "base/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace raibid {

namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// the blocks of Unicode 15 that matter in names and messages, not every one of EastAsianWidth.txt
constexpr std::array zero_width = {Range{0x0300, 0x036F}, Range{0x200B, 0x200F}, Range{0x2060, 0x2064},
                                   Range{0x20D0, 0x20FF}, Range{0xFE00, 0xFE0F}, Range{0xFE20, 0xFE2F},
                                   Range{0xFEFF, 0xFEFF}};
constexpr std::array double_width = {Range{0x1100, 0x115F},   Range{0x2E80, 0x303E},   Range{0x3041, 0xA4CF},
                                     Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},   Range{0xFE30, 0xFE6F},
                                     Range{0xFF00, 0xFF60},   Range{0xFFE0, 0xFFE6},   Range{0x1F300, 0x1F64F},
                                     Range{0x1F680, 0x1F6FF}, Range{0x1F900, 0x1FAFF}, Range{0x20000, 0x3FFFD}};

template <typename Ranges>
bool contains(const Ranges& ranges, char32_t value) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [value](Range range) { return value >= range.first && value <= range.last; });
}

std::size_t width_of(char32_t value) { return contains(zero_width, value) ? 0 : contains(double_width, value) ? 2 : 1; }

/// How many bytes of `text` fit into `width` columns.
std::size_t bytes_that_fit(std::string_view text, std::size_t width) {
  std::size_t at = 0;
  for (std::size_t used = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    used += width_of(point.value);
    if (used > width) break;
    at += point.length;
  }
  return at;
}

std::string_view ascii_form(char32_t value) {
  switch (value) {
    case U'…':
      return "...";
    case U'·':
    case U'–':
    case U'—':
      return "-";
    case U'→':
      return "->";
    case U'“':
    case U'”':
      return "\"";
    case U'‘':
    case U'’':
      return "'";
    default:
      return "?";
  }
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    width += width_of(point.value);
    at += point.length;
  }
  return width;
}

std::string padded(std::string_view text, std::size_t width) {
  const std::size_t used = display_width(text);
  return std::string(text) + std::string(width > used ? width - used : 0, ' ');
}

std::string shortened(std::string_view text, std::size_t width, std::string_view ellipsis) {
  if (display_width(text) <= width) return std::string(text);
  const std::size_t mark = display_width(ellipsis);
  if (mark > width) return std::string(text.substr(0, bytes_that_fit(text, width)));
  return std::string(text.substr(0, bytes_that_fit(text, width - mark))) + std::string(ellipsis);
}

std::vector<std::string> folded(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  while (display_width(text) > width) {
    std::size_t end = bytes_that_fit(text, width);
    if (end == 0) end = decode_utf8(text, 0).length;  // narrower than a sign: one a line
    const std::size_t blank = text.rfind(' ', end);
    if (blank != std::string_view::npos && blank > 0) end = blank;
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(text.find_first_not_of(' ', end), text.size()));
  }
  if (!text.empty() || lines.empty()) lines.emplace_back(text);
  return lines;
}

std::string ascii_only(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    if (point.value < 0x80) {
      out += static_cast<char>(point.value);
    } else if (width_of(point.value) > 0) {
      out += ascii_form(point.value);
    }
    at += point.length;
  }
  return out;
}

std::string format_elapsed(std::chrono::milliseconds elapsed) {
  constexpr auto worth_saying = std::chrono::milliseconds(100);
  if (elapsed < worth_saying) return "";
  const auto tenths = (elapsed.count() + 50) / 100;
  if (tenths < 600) return fmt::format("{}.{} s", tenths / 10, tenths % 10);
  const auto seconds = (elapsed.count() + 500) / 1000;
  return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
}

}  // namespace raibid
