#pragma once

#include "components/context.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// See Installer::fail_over.
FailoverOutcome fail_over_local(Context& context, const RedisSettings& settings, const FailoverRequest& request);

}  // namespace raibid
