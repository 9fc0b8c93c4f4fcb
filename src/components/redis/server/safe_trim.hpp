#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "tools/redis_client.hpp"

namespace raibid {

/// What should go: at least one of the two.
struct TrimRequest {
  std::optional<std::int64_t> keep;  ///< this many of the newest entries stay
  std::string before;                ///< only entries before this ID go; "" for no such limit
  bool dry_run = false;
};

struct TrimResult {
  std::int64_t removed = 0;  ///< or, for a dry run, what would be
  std::int64_t length = 0;   ///< before
  std::string group;         ///< whose work keeps more from going; "" when nothing does
  std::string reason;        ///< "pending", "undelivered" or "age"
  std::string needed;        ///< the first ID that some group still needs

  /// Entries above `keep` that stay because someone still needs them.
  std::int64_t kept_over(const TrimRequest& request) const;
};

/// Removes the oldest entries that every group has been given and has acknowledged, and no other: one atomic script for
/// each slice of 10 ms. `between` is called after each slice and may throw to end it; what went until then is gone.
/// Throws Error (failure): no such stream, another type, a stream without groups (nobody can say what is done).
TrimResult safe_trim(RedisConnection& redis, const std::string& stream, const TrimRequest& request,
                     const std::function<void(std::int64_t removed)>& between);

/// The same where the stream is above `limit` (0 for none); std::nullopt when it is not, or is not there.
std::optional<TrimResult> trim_above_limit(RedisConnection& redis, const std::string& stream, std::int64_t limit,
                                           const std::function<void(std::int64_t removed)>& between);

}  // namespace raibid
