#pragma once

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <vector>

#include "components/redis/server/certificates.hpp"
#include "components/redis/server/users.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/settings.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// What a cluster holds of a release's TLS: Secret F-tls, which the pod mounts; Secret F-ca with the CA and its key,
/// which no pod mounts; and ConfigMap F-ca, which applications can mount.
struct TlsObjects {
  struct Object {
    bool ours = false;
    bool issued = false;    ///< cert-manager has made it
    std::string version{};  ///< metadata.resourceVersion
    SecretContent content{};
    std::string controller{};  ///< who keeps it and would take back what we write, see controller_of

    /// Whose it is, when it is not ours: "belongs to Argo CD".
    std::string whose() const { return controller.empty() ? "was not made by raibid-cli" : "belongs to " + controller; }
  };
  std::optional<Object> certificate;  ///< Secret F-tls
  std::optional<Object> authority;    ///< Secret F-ca
  std::optional<Object> trust;        ///< ConfigMap F-ca
  std::optional<Object> given;        ///< the Secret of --tls-secret

  /// cert-manager's Certificate F-tls.
  struct Issued {
    bool ours = false;
    std::string version{};
    std::string spec{};  ///< JSON
    bool ready = false;
    bool failed = false;  ///< the issuer has refused, and cert-manager waits an hour before it asks again
    std::string says{};   ///< its condition, for people
  };
  std::optional<Issued> issued;

  std::string given_name{};  ///< that of --tls-secret, "" for none

  /// Takes one of them as the API gives it; false for another object.
  bool take(const nlohmann::json& object, const RedisNames& names);
  /// What of it is raibid-cli's own to change, by the keys of server/certificates.hpp.
  SecretContent content() const;
  /// What the pod of this choice mounts; nullptr when it is not there.
  const Object* mounted(const TlsChoice& tls) const {
    return get(tls.from == TlsChoice::From::secret ? given : certificate);
  }

 private:
  static const Object* get(const std::optional<Object>& object) { return object ? &*object : nullptr; }
};

/// "kind/name" of each object to ask the API for.
std::vector<std::string> tls_object_names(const TlsChoice& tls, const RedisNames& names);

/// Every name that a client may use: each Service of the release, alone and with namespace, .svc and the cluster's
/// domain, the pods behind the headless one, and this machine for a port-forward.
std::vector<std::string> certificate_names(const RedisSettings& settings, const RedisNames& names);

/// Whom the certificate of a release is for.
CertificateSpec certificate_spec(const RedisSettings& settings, const RedisNames& names, const Scope& scope);

/// The name that raibid-cli verifies: of those that the release's Service has, the first one that the certificate
/// covers; the full one when it covers none.
std::string verified_name(const std::string& certificate, const RedisNames& names);

/// The port of the pod that raibid-cli uses: with --tls-migrate the one that speaks TLS.
int pod_port(const TlsChoice& tls);

/// The content of a Secret that someone else writes, trusting also whom the release's ConfigMap names: the CA of what
/// Redis serves until it has read the Secret again.
SecretContent with_earlier_trust(SecretContent mounted, const std::optional<TlsObjects::Object>& trust);

/// How to speak TLS to a Redis that has this Secret.
TlsClient release_tls(const SecretContent& mounted, const TlsChoice& tls, const RedisNames& names);

}  // namespace raibid
