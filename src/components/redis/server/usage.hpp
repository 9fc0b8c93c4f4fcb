#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/clock.hpp"
#include "sys/files.hpp"

namespace raibid {

/// What one Redis used at a moment: bytes of memory, and of each place that its data lie in (a claim, a folder).
struct UsageSample {
  std::int64_t at = 0;  ///< unix_seconds
  std::int64_t memory = 0;
  std::int64_t evicted_keys = 0;
  std::map<std::string, std::int64_t> storage{};
};

/// How much a number has grown (or shrunk) in which time.
struct Growth {
  std::int64_t amount = 0;
  std::int64_t seconds = 0;
};

/// Less time than this says nothing of a trend.
inline constexpr std::int64_t shortest_trend = 1800;
/// What is older says nothing of today.
inline constexpr std::int64_t longest_trend = 24 * 3600;

/// From the oldest sample of the last day on, at least half an hour; without such a sample, from the newest one that is
/// older. `value` gives the number of a sample, or nothing. std::nullopt when there is no such sample.
template <typename Value>
std::optional<Growth> growth_of(const std::vector<UsageSample>& samples, const UsageSample& now, Value&& value) {
  const std::optional<std::int64_t> present = value(now);
  if (!present) return std::nullopt;
  std::optional<Growth> found;
  for (const UsageSample& sample : samples) {  // oldest first
    const std::int64_t seconds = now.at - sample.at;
    if (seconds < shortest_trend) break;
    const std::optional<std::int64_t> before = value(sample);
    if (!before) continue;
    found = Growth{*present - *before, seconds};
    if (seconds <= longest_trend) break;
  }
  return found;
}

/// Seconds until `free` is used up at this rate; std::nullopt when nothing grows.
std::optional<std::int64_t> seconds_left(const std::optional<Growth>& growth, std::int64_t free);

/// "+120 MiB in 3 h", "no growth in 3 h"
std::string growth_text(const Growth& growth);
/// "40 min", "3 h", "12 days": for people, roughly.
std::string rough_time(std::int64_t seconds);

/// The file of the home in which something is kept of what a Redis uses. `what` names the Redis for certain: cluster,
/// namespace, release and volume; or a folder.
std::filesystem::path usage_file(const std::filesystem::path& home, const std::string& what, std::string_view ending);

/// The samples that `status` keeps of a Redis, in a file of the home: at most one in half an hour, for seven days. They
/// are a help and no more: a file that cannot be read or written is as good as none.
class UsageHistory {
 public:
  /// `what` as for usage_file.
  UsageHistory(const Files& files, const std::filesystem::path& home, const std::string& what);

  /// Oldest first.
  const std::vector<UsageSample>& samples() const { return m_samples; }
  /// Keeps this one when it is due, and removes files that have not been written for 30 days.
  void add(const UsageSample& sample);

 private:
  const Files& m_files;
  std::filesystem::path m_file;
  std::filesystem::path m_folder;
  std::vector<UsageSample> m_samples;
};

}  // namespace raibid
