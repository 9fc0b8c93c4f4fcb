#pragma once

#include <optional>
#include <string>

#include <fmt/format.h>

#include "components/context.hpp"
#include "components/redis/server/credentials.hpp"
#include "components/redis/settings/adopted_service.hpp"
#include "components/redis/settings/existing_secret.hpp"
#include "components/redis/settings/redis_address.hpp"
#include "components/redis/settings/settings.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// A Service that leads to a Redis of someone else, and how it is reached.
struct ClusterService {
  AdoptedService name;
  std::string kube_context{};               ///< "" for that of --context, or the current one
  std::optional<SecretReference> secret{};  ///< of --existing-secret: where the password is
};

/// A Redis that is there already, and what this machine knows of it.
struct ExternalTarget {
  RedisAddress address;                     ///< with the password, as far as it is known
  std::string origin;                       ///< where the address is from: "--url", "REDIS_URL", the credentials file
  std::optional<Credentials> saved;         ///< of an earlier setup of this Redis
  std::string release;                      ///< the saved one, else that of the settings
  std::string name_space;                   ///< the same
  std::string tls_ca;                       ///< PEM of --tls-ca, else the saved one; "" for the system's
  std::string tls_certificate, tls_key;     ///< absolute paths of --tls-cert and --tls-key, else the saved ones
  std::optional<ClusterService> service{};  ///< of --adopt-service: `address` is that of the cluster's pods

  /// "Redis at cache.example.com:6379", "Service shop/redis-master".
  std::string subject() const { return service ? "Service " + service->name.text() : "Redis at " + address.text(); }
  /// What tells it from others among the credentials of this machine.
  std::string identity() const {
    return service ? fmt::format("{} of {}", service->name.text(), service->kube_context) : address.text();
  }
};

/// The address is that of --url (RAIBID_URL, the config file), else REDIS_URL, else that of the credentials file that
/// setup saved. The password is that of --password-file, else that of REDIS_URL if the address is from there, else the
/// saved one of this address and user. Throws Error (usage) when no address is known or several are saved, for files of
/// TLS that cannot be used, and as parse_redis_url and read_password_file.
ExternalTarget find_external(const Context& context, const RedisSettings& settings);

/// How its clients speak TLS; std::nullopt for redis://. Reads certificate and key. Throws Error (usage) for files that
/// cannot be read or used.
std::optional<TlsClient> tls_of(const Context& context, const ExternalTarget& target);

/// The one that these credentials, of an earlier setup, are of.
ExternalTarget saved_external(Credentials credentials);

}  // namespace raibid
