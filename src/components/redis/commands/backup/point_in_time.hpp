#pragma once

#include <filesystem>
#include <string>

#include "components/context.hpp"
#include "components/redis/place/place.hpp"

namespace raibid {

/// Makes an RDB file of what a Redis held at this moment, of the times in its AOF (aof-timestamp-enabled), in `folder`:
/// a copy of the AOF is cut there and loaded into a server of this machine. The Redis itself is not touched. Throws
/// Error: preflight where that cannot be done (no AOF, no times in it, before its last rewrite, no redis-server here),
/// failure.
std::filesystem::path rdb_of_moment(Context& context, Place& place, const std::string& moment,
                                    const std::filesystem::path& folder);

/// The files that the manifest of an AOF lists. Throws Error (failure) for what is no such manifest.
std::vector<std::string> aof_parts(const std::string& manifest);

}  // namespace raibid
