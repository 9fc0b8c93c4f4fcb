#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tools/redis_client.hpp"

namespace raibid {

/// How much a Redis holds, for telling whether a copy has all of it.
struct DataCounts {
  struct Database {
    std::int64_t keys = 0;
    std::int64_t expires = 0;  ///< of these, how many have a time to live
    bool operator==(const Database&) const = default;
  };
  struct Stream {
    int database = 0;
    std::string name;
    std::int64_t length = 0;
    std::string last_id;
    std::vector<std::string> groups;  ///< sorted
    bool expires = false;             ///< it has a time to live
    bool operator==(const Stream&) const = default;
  };
  std::map<int, Database> databases;
  std::vector<Stream> streams;  ///< by database and name

  std::int64_t keys() const;
  const Stream* stream(int database, const std::string& name) const;
  bool operator==(const DataCounts&) const = default;
  /// "1,234 keys, 2 streams with 812 entries".
  std::string text() const;
};

/// Counts the keys of each database (INFO) and looks at these streams of `database`; what is there and is no stream is
/// left out. The connection stays in `database`. Throws Error (failure) when INFO is refused.
DataCounts count_data(RedisConnection& redis, int database, const std::vector<std::string>& streams);

/// The same with every stream that the server has, at most `most_counted_streams`: reads all names, so not for a server
/// that others work with.
inline constexpr std::size_t most_counted_streams = 1000;
DataCounts count_all(RedisConnection& redis);

/// What `seen`, which was loaded from a copy, lacks of `expected`, in words; empty when it is whole. Keys with a time
/// to live may have gone meanwhile.
std::vector<std::string> missing_data(const DataCounts& expected, const DataCounts& seen);

/// The same for a copy of a server that was being written to: `before` and `after` were counted around it. The last ID
/// of a stream only grows, so that of the copy lies between the two.
std::vector<std::string> missing_between(const DataCounts& before, const DataCounts& after, const DataCounts& seen);

}  // namespace raibid
