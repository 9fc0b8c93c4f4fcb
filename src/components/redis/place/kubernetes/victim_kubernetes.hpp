#pragma once

#include <memory>

#include "components/context.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/victim.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// Throws Error (not_installed) when there is none in the cluster of `session`.
std::unique_ptr<Victim> kubernetes_victim(Context& context, const RedisSettings& settings,
                                          const ClusterSession& session);

}  // namespace raibid
