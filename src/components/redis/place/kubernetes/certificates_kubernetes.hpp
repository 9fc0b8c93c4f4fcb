#pragma once

#include <string>

#include "components/context.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// Installer::certificates, certificate_spec and change_certificates for a release in a cluster.
SecretContent certificates_kubernetes(Context& context, const RedisSettings& settings);
CertificateSpec certificate_spec_kubernetes(const Context& context, const RedisSettings& settings);
std::string change_certificates_kubernetes(Context& context, const RedisSettings& settings,
                                           const CertificatesPlan& plan);

}  // namespace raibid
