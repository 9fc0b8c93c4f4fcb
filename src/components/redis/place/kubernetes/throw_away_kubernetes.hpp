#pragma once

#include "components/redis/place/throw_away.hpp"

namespace raibid {

/// See open_throw_away. Throws also not_installed: without a live one nobody knows which image to take.
std::unique_ptr<ThrowAwayRedis> open_throw_away_kubernetes(Context& context, const RedisSettings& settings,
                                                           const std::filesystem::path& rdb);

}  // namespace raibid
