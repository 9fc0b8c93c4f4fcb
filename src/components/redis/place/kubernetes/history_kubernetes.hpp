#pragma once

#include <vector>

#include "components/context.hpp"
#include "components/redis/place/revision.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// See Installer::history: from Helm's records, which keep as many as helm does (ten).
std::vector<Revision> history_kubernetes(Context& context, const RedisSettings& settings);

}  // namespace raibid
