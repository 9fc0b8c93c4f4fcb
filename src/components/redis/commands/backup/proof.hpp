#pragma once

#include <filesystem>
#include <string>

#include "components/context.hpp"
#include "components/redis/server/data_counts.hpp"

namespace raibid {

/// What a redis-server of this machine found in a file.
struct Proof {
  bool loaded = false;  ///< else `why_not` says why it was not tried, or that the file is `too_new` for this server
  bool too_new = false;
  std::string why_not;  ///< "there is no redis-server on this machine"
  std::string with;     ///< "redis-server 7.0.15"
  DataCounts counts;
};

/// Loads the file into a scratch server and counts what is in it. `memory`: what the data take in Redis, 0 when that is
/// not known. Throws Error (failure) when the server refuses the file: it is damaged.
Proof prove_file(Context& context, const std::filesystem::path& file, std::int64_t memory);

/// The version of RDB of a file. Throws Error (failure) when it is no RDB file.
int rdb_version_of(const std::filesystem::path& file);

}  // namespace raibid
