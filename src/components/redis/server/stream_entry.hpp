#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/redis_client.hpp"

namespace raibid {

/// The ID of a stream's entry: milliseconds since 1970 and a number.
struct StreamId {
  std::uint64_t ms = 0;
  std::uint64_t seq = 0;
  auto operator<=>(const StreamId&) const = default;
  std::string text() const;
};

/// "1700000000000-5", or "1700000000000" with `seq` 0; std::nullopt for anything else.
std::optional<StreamId> parse_stream_id(std::string_view text);

struct StreamEntry {
  std::string id;
  std::vector<std::pair<std::string, std::string>> fields;  ///< in the order of the entry; names may repeat

  /// The first of that name, or nullptr.
  const std::string* field(std::string_view name) const;
};

/// Entries as XRANGE gives them: [[id, [field, value, …]], …]. Deleted ones (nil) are left out.
std::vector<StreamEntry> entries_of(RedisReply&& reply);

/// Reads a range of a stream page by page; a page is some MiB at most when its entries are of similar size.
class EntryPages {
 public:
  /// `from` and `to` as XRANGE takes them ("-", "+", "(1-0", …); `newest` reads from the end.
  EntryPages(RedisConnection& redis, std::string key, std::string from, std::string to, bool newest = false);

  /// The next entries; none when the range has ended. Throws Error (failure).
  std::vector<StreamEntry> next();
  /// To go on with another connection after this one broke.
  void use(RedisConnection& redis) { m_redis = &redis; }

 private:
  RedisConnection* m_redis;
  std::string m_key, m_from, m_to;
  bool m_newest;
  bool m_ended = false;
  std::size_t m_count = 16;
};

}  // namespace raibid
