#pragma once

#include <memory>

#include "components/context.hpp"
#include "components/redis/place/victim.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// Throws Error (not_installed) when there is none, (failure) when it does not run.
std::unique_ptr<Victim> local_victim(Context& context, const RedisSettings& settings);

}  // namespace raibid
