#pragma once

#include <optional>
#include <string>

#include "components/context.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/run/certificates.hpp"
#include "components/redis/server/health.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// What setup makes of the certificates of an instance.
struct CertificateWork {
  SecretContent wanted;
  std::string why;  ///< for people: "a CA, and a certificate for …", "a new certificate: it is older than a year"
  bool changes = false;
  bool other_ca = false;  ///< of a Redis that speaks TLS: clients that trust what it had refuse this one
};

/// The certificates that these settings want, made or read; nothing is written. Where the present ones are good enough,
/// what stands against better ones is a warning. Throws Error (preflight): a certificate of the user's that does not
/// fit, a CA that is lost or damaged.
CertificateWork wanted_certificates(Context& context, const RedisSettings& settings, const LocalInstance& instance);

/// tls.crt, tls.key and ca.crt of a folder; those that are not there are left out. Throws Error (preflight) for one
/// that cannot be read.
SecretContent read_given_certificates(const std::string& folder);

/// Makes the running server read its certificates again, and sees by a handshake that it serves them. Does nothing
/// when it does not run or speaks no TLS.
void reload_local_certificates(const Context& context, const LocalInstance& instance, RedisConnection& redis, int port,
                               const SecretContent& content);

/// The certificate that the server shows. Throws Error (failure).
CertificateFacts served_certificate_of(const Context& context, int port);

/// The line `tls` of status.
void examine_local_tls(const Context& context, const LocalInstance& instance, const LocalInstance::State& state,
                       HealthReport& report);

/// The line `certificate` of doctor: what setup would say of it.
void examine_certificates_before(Context& context, const RedisSettings& settings, HealthReport& report);

/// See Installer::certificates and change_certificates.
SecretContent certificates_local(const Context& context, const RedisSettings& settings);
std::string change_certificates_local(Context& context, const RedisSettings& settings, const CertificatesPlan& plan);

}  // namespace raibid
