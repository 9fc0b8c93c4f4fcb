#pragma once

#include <string>
#include <string_view>

#include "components/redis/settings/redis_conf.hpp"

namespace raibid {

/// Whether Redis speaks TLS, and where its certificate comes from.
struct TlsChoice {
  enum class From {
    none,    ///< no TLS
    own,     ///< --tls: a CA of our own, and a certificate that it signs
    secret,  ///< --tls-secret: a certificate that someone else made
    issuer,  ///< --tls-issuer: cert-manager makes it
  };
  From from = From::none;
  std::string secret;                ///< From::secret: a Secret's name; local: the absolute path of a folder
  std::string issuer_kind;           ///< From::issuer: "Issuer" or "ClusterIssuer"
  std::string issuer;                ///< From::issuer: its name
  bool client_certificates = false;  ///< clients have to show a certificate, too
  bool migrate = false;              ///< plain clients keep 6379, and TLS listens beside it

  bool enabled() const { return from != From::none; }
  bool operator==(const TlsChoice&) const = default;
};

/// Where TLS listens while plain clients keep their port (--tls-migrate).
inline constexpr int tls_migration_port = 6380;

/// "own", "secret", "issuer", "" for none: as records and output have it.
std::string_view to_string(TlsChoice::From from);

/// What of it CONFIG SET changes while Redis runs with TLS: whether clients need a certificate.
Directives tls_directives(const TlsChoice& tls);

/// For people: "off", "on", "on (Secret NAME)", "on (ClusterIssuer NAME)", with "client certificates required" and
/// "plain port open" where that holds.
std::string describe(const TlsChoice& tls);

}  // namespace raibid
