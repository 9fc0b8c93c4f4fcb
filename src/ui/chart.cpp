#include "ui/chart.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace raibid {

namespace {

constexpr std::array<std::string_view, 8> blocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<std::string_view, 8> signs = {"_", "_", ".", "-", "-", "=", "=", "#"};

}  // namespace

std::string bar(double fraction, std::size_t width, bool utf8) {
  const double part = std::clamp(std::isfinite(fraction) ? fraction : 0.0, 0.0, 1.0);
  auto filled = static_cast<std::size_t>(std::lround(part * static_cast<double>(width)));
  if (part > 0 && filled == 0 && width > 0) filled = 1;  // a little is not nothing
  std::string text;
  for (std::size_t i = 0; i < width; ++i) text += i < filled ? (utf8 ? "█" : "#") : (utf8 ? "░" : ".");
  return text;
}

std::string sparkline(std::span<const double> values, std::size_t width, bool utf8) {
  const std::span<const double> last = values.last(std::min(width, values.size()));
  const double most = last.empty() ? 0.0 : *std::max_element(last.begin(), last.end());
  std::string text(width - last.size(), ' ');
  for (const double value : last) {
    const double part = most > 0 ? std::clamp(value / most, 0.0, 1.0) : 0.0;
    const auto level = static_cast<std::size_t>(std::lround(part * (blocks.size() - 1)));
    text += (utf8 ? blocks : signs)[level];
  }
  return text;
}

}  // namespace raibid
