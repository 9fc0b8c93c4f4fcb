#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace raibid {

using Duration = std::chrono::milliseconds;
using TimePoint = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

/// Seconds since 1970.
inline std::int64_t unix_seconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

/// Time, so that tests can say what it is. Waiting is not here: see Runner::wait, which a signal ends.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  virtual WallTime wall() const = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }
};

/// RFC 3339 in UTC, to the second: "2026-01-31T09:08:07Z".
std::string rfc3339(WallTime time);
/// Parses such a text, with or without a fraction of a second, which is cut off; std::nullopt when it is malformed or
/// not in UTC.
std::optional<WallTime> parse_rfc3339(const std::string& text);

}  // namespace raibid
