#pragma once

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <vector>

#include "components/redis/server/users.hpp"

namespace raibid {

/// Where a pod of someone else has the password of its Redis from.
struct PasswordSource {
  std::string secret;
  std::string key{};         ///< "" when every key may be a file of settings
  bool in_settings = false;  ///< it stands behind `requirepass` in a file like redis.conf

  /// "Secret redis, key redis-password".
  std::string text() const;
  bool operator==(const PasswordSource&) const = default;
};

/// Those that the pod itself names, the surest first: a variable with a secretKeyRef, a variable with a file of a
/// mounted Secret, keys of mounted Secrets by the names that charts give them, and files of settings in one. `user` is
/// the one who logs in, "" for the default user. By the conventions of docs/external.md.
std::vector<PasswordSource> password_sources(const nlohmann::json& pod, const std::string& user);

/// A key of a Secret that a pod mounts; empty for none.
struct SecretFile {
  std::string secret{};
  std::string key{};

  bool operator==(const SecretFile&) const = default;
};

/// How the Redis of a pod of someone else speaks TLS.
struct TlsSource {
  SecretFile ca{};                  ///< whom it trusts, and clients have to
  SecretFile certificate{}, key{};  ///< its own; only where clients have to show one
};

/// What the pod itself says: the variables of Bitnami's charts (REDIS_TLS_ENABLED, REDIS_TLS_CA_FILE …), or
/// redis-server's arguments (--tls-port, --tls-ca-cert-file …). std::nullopt when it says nothing of TLS. By the
/// conventions of docs/external.md.
std::optional<TlsSource> tls_source(const nlohmann::json& pod);

/// What a Secret has there; std::nullopt when it has nothing there.
std::optional<Secret> password_at(const SecretContent& content, const PasswordSource& source);

}  // namespace raibid
