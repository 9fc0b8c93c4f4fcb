#pragma once

#include <string>

#include "components/redis/place/kubernetes/access.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/storage_kubernetes.hpp"
#include "components/redis/place/status_facts.hpp"
#include "components/redis/server/health.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// What the release was asked to be. One by hand or of an older version carries no record of it: then `otherwise` says.
Spec expected_spec(const Release& found, const RedisSettings& otherwise);

/// Examines a release and the Redis in it, which is given until `until` to answer. A Redis that cannot be reached is a
/// check that fails, not an Error. `claims` finds out how full they are; nullptr: they are not looked at.
StatusReport examine_release(Context& context, const Kubectl& kubectl, Release found, Spec expected,
                             KubernetesRedis& redis, int unfinished, TimePoint until, const Scope& scope,
                             ClaimReader* claims);

/// What the nodes of a Redis with replicas say, and where their pods run.
Topology look_at_topology(Context& context, const Kubectl& kubectl, const Release& found, TimePoint until);

/// The same of one with replicas that another chart has made.
Topology look_at_followers(Context& context, const Kubectl& kubectl, const Release& found, TimePoint until);

/// The checks of what `look_at_topology` has found.
void examine_nodes(const Context& context, const Topology& topology, const Kubectl& kubectl, const RedisNames& names,
                   HealthReport& report);

/// Whether its Redis answers until then.
bool answers(const Release& found, KubernetesRedis& redis, TimePoint until);

/// "raibid-redis (k3s-dev, namespace raibid-redis)"
std::string report_title(const Kubectl& kubectl, const Release& found);

/// `status redis` in a cluster; see Installer::status.
CommandResult status_redis_kubernetes(Context& context, const RedisSettings& settings);

}  // namespace raibid
