#pragma once

#include <memory>

#include "components/context.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/victim.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// The Redis of `settings` as something to kill. Throws Error (not_installed) when the cluster of `session` has no such
/// release.
std::unique_ptr<Victim> kubernetes_victim(Context& context, const RedisSettings& settings,
                                          const ClusterSession& session);

}  // namespace raibid
