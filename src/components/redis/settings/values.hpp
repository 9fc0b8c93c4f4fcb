#pragma once

#include <nlohmann/json_fwd.hpp>

#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/settings.hpp"
#include "components/redis/settings/spec.hpp"

namespace raibid {

/// The Secret that the pod mounts for TLS: F-tls, or the one of --tls-secret.
std::string mounted_secret(const TlsChoice& tls, const RedisNames& names);

/// The Helm values for the chart that was chosen. The keys are Bitnami's, of which the embedded chart knows a part;
/// passwords are not in it, only the name of the Secret. The same settings always give the same text.
nlohmann::ordered_json helm_values(const RedisSettings& settings, const RedisNames& names,
                                   bool cluster_has_service_monitors);

/// While one node becomes several: pod 0 stays as it is, and every name leads to it.
void keep_first_pod(nlohmann::ordered_json& values, const RedisNames& names);

}  // namespace raibid
