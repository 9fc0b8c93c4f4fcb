#include "config/duration.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "config/settings.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdint>

namespace raibid {

namespace {

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};

// largest first: "1h30m" is a duration, "30m1h" is a mistake
constexpr std::array units = {Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000}, Unit{"ms", 1}};
constexpr std::int64_t longest = std::int64_t{365} * 24 * 3'600'000;

constexpr std::int64_t malformed = -1;

std::size_t unit_at(std::string_view name) {
  std::size_t index = 0;
  while (index < units.size() && units[index].name != name) ++index;
  return index;
}

/// The sum of the parts in milliseconds, at most `longest` + 1; `malformed` when it is not a duration.
std::int64_t sum_of_parts(std::string_view text) {
  std::int64_t total = 0;
  std::size_t first_allowed = 0;
  do {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc::invalid_argument || text.front() == '-') return malformed;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));

    const std::string_view name = text.substr(0, text.find_first_not_of("hms"));
    const bool plain_seconds = name.empty() && text.empty() && first_allowed == 0;
    const std::size_t unit = plain_seconds ? unit_at("s") : unit_at(name);
    if (unit >= units.size() || unit < first_allowed) return malformed;
    first_allowed = unit + 1;
    text.remove_prefix(name.size());

    const std::int64_t scale = units[unit].milliseconds;
    const bool too_long = error == std::errc::result_out_of_range || number > longest / scale;
    total = too_long ? longest + 1 : std::min(total + number * scale, longest + 1);
  } while (!text.empty());
  return total;
}

}  // namespace

Duration parse_duration(std::string_view text, std::string_view what) {
  const auto refuse = [&](std::string_view why) {
    return Error(ExitCode::usage, fmt::format("{}: {} {}", what, in_quotes(text), why));
  };
  const std::int64_t milliseconds = text.empty() ? malformed : sum_of_parts(text);
  if (milliseconds == malformed) throw refuse("is not a duration, such as 90s, 5m or 1h30m");
  if (milliseconds == 0) throw refuse("must be greater than 0");
  if (milliseconds > longest) throw refuse("is more than a year");
  return Duration(milliseconds);
}

}  // namespace raibid
