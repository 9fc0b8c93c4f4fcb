#pragma once

#include <string>

#include "components/redis/place/kubernetes/access.hpp"
#include "components/redis/place/kubernetes/found_release.hpp"
#include "components/redis/server/health.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// What the release was asked to be. One by hand or of an older version carries no record of it: then `otherwise` says.
Spec expected_spec(const FoundRelease& found, const RedisSettings& otherwise);

/// Examines a release and the Redis in it, which is given until `until` to answer. A Redis that cannot be reached is a
/// check that fails, not an Error.
HealthReport examine_release(const Kubectl& kubectl, const FoundRelease& found, const Spec& expected,
                             KubernetesRedis& redis, int unfinished, TimePoint until);

/// Adds the check `pod`, with restarts and the last end of a container. `pod` is nullptr when there is none.
void examine_pod(const nlohmann::json* pod, const std::string& name, const Kubectl& kubectl, HealthReport& report);

/// "raibid-redis (k3s-dev, namespace raibid-redis)"
std::string report_title(const Kubectl& kubectl, const FoundRelease& found);

}  // namespace raibid
