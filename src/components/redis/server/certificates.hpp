#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "components/redis/server/health.hpp"
#include "components/redis/server/users.hpp"
#include "components/redis/settings/tls.hpp"
#include "components/scope.hpp"
#include "tools/certificate.hpp"

namespace raibid {

/// What a Redis that speaks TLS has, by key, as SecretContent: the first three are what the server reads, the next two
/// are the CA of ours that issues (not there for a certificate of someone else), the last is what a change replaced
/// until the run that changes it has ended. On this machine each key is a file of tls/; on a cluster the first three
/// are the keys of the Secret F-tls, the next two the keys tls.crt and tls.key of the Secret F-ca.
inline constexpr const char* tls_certificate_key = "tls.crt";
inline constexpr const char* tls_private_key_key = "tls.key";
inline constexpr const char* tls_trusted_key = "ca.crt";  ///< whom clients and server trust; two CAs during a rotation
inline constexpr const char* ca_certificate_key = "own-ca.crt";
inline constexpr const char* ca_private_key_key = "own-ca.key";
inline constexpr const char* previous_certificates_key = "previous-certificates";

/// What a server reads, and what someone else's certificate consists of.
inline constexpr std::array served_keys = {tls_certificate_key, tls_private_key_key, tls_trusted_key};

/// A CA of ours, and its server certificates, which end with it. There is no revocation, so a short life would protect
/// nothing once a key has leaked, and a certificate that expires at night is an outage.
inline constexpr std::chrono::hours ca_lifetime{24 * 3650};
/// A server certificate that is older is renewed by the next setup, without a restart.
inline constexpr std::chrono::hours renewal_age{24 * 365};
inline constexpr int days_to_warn = 30;          ///< `status` says so
inline constexpr int days_to_be_unhealthy = 14;  ///< `status` fails

/// Whom a server certificate is for, and how messages call where it is kept.
struct CertificateSpec {
  std::string common_name;         ///< the release
  std::vector<std::string> names;  ///< every name that clients use, first the one that applications are handed
  std::string where;               ///< "~/.raibid/local/raibid-redis/tls", "Secret raibid-redis-tls"
  Scope scope{};                   ///< of hints with a command
  std::string where_ca{};          ///< where our CA is kept, "" for the same place
  std::string removal{};           ///< where `tls rotate` cannot make a new CA: the command after which setup does
};

/// Whole days until then, 0 on the last one, negative when it is past.
long days_left(WallTime until, WallTime now);

/// Why setup makes a new server certificate of our own: "it is older than a year", "it does not name X", "it has
/// expired" …; "" when it is good. Renewing for its age happens only where the new one would last longer.
std::string why_renew(const SecretContent& present, const CertificateSpec& spec, WallTime now);

/// Whether clients accept what is there at this time: the files fit together, the dates hold, and it names what
/// applications are handed.
bool can_go_on(const SecretContent& present, const CertificateSpec& spec, WallTime now);

/// `present` with a new server certificate of our own, and a new CA where there has never been one. Throws Error
/// (preflight) when the CA is lost, damaged, expired or not yet valid: what clients trust is never replaced silently.
SecretContent with_own_certificate(SecretContent present, const CertificateSpec& spec, WallTime now);

/// The same where clients know a CA already: one that is lost is never replaced. Throws as with_own_certificate.
SecretContent with_renewed_certificate(SecretContent present, const CertificateSpec& spec, WallTime now);

/// `present` with a certificate that someone else made: the three keys that a server reads. Throws Error (preflight)
/// saying what does not fit, where (`given_in`, a Secret or a folder), and what to do: a file that is missing, a pair
/// that does not belong together, not signed by its ca.crt, expired or not yet valid, no name that clients use, or no
/// clientAuth where clients have to show certificates.
SecretContent with_given_certificate(SecretContent present, const SecretContent& given, const CertificateSpec& spec,
                                     const std::string& given_in, bool client_certificates, WallTime now);

/// `present` with a new CA beside the old one, both trusted, and a server certificate by the new one. With it the
/// server shows the new CA signed by the old one, so that clients which trust the old one alone go on; where the old
/// CA's key is lost there is no such thing (see old_ca_can_sign). Throws Error (preflight) when two are trusted
/// already, and the one that issues can.
SecretContent with_second_ca(SecretContent present, const CertificateSpec& spec, WallTime now);

/// Whether the CA that is there can sign at this time.
bool old_ca_can_sign(const SecretContent& present, WallTime now);

/// `present` without the older CAs; as it is where there is one alone. Throws Error (preflight) when clients of the
/// newer one could not verify the certificate that is there.
SecretContent with_one_ca(SecretContent present, const CertificateSpec& spec);

/// What of the three files that a server reads is missing, or does not fit together; "" when all is well.
std::string why_unfit(const SecretContent& content);

/// Whether clients that trust what `before` trusts refuse the certificate of `after`.
bool changes_trust(const SecretContent& before, const SecretContent& after);

/// Whether two CAs are trusted: a rotation that has not been finished.
bool trusts_two(const SecretContent& present);

/// A certificate for a client, signed by our CA: clientAuth alone, valid for `days`, never longer than the CA. Throws
/// Error: (preflight) when the CA is not ours, lost or damaged; (usage) for an invalid name.
KeyPair issue_client_certificate(const SecretContent& present, const std::string& name, int days,
                                 const CertificateSpec& spec, WallTime now);

/// How a client speaks TLS with it: it trusts ca.crt, and shows the server's own certificate where clients have to show
/// one (it is for clients, too; where it was lost or damaged, one that our CA issues). Without ca.crt it trusts our CA.
/// `server_name` is what the certificate has to name.
TlsClient tls_client(const SecretContent& present, const TlsChoice& choice, const std::string& server_name);

/// What `status` knows of a Redis that speaks TLS.
struct TlsFacts {
  TlsChoice choice;
  SecretContent kept;                      ///< in its Secrets, or files; empty when they may not be read
  std::optional<CertificateFacts> served;  ///< of a handshake
  std::string no_handshake;                ///< why there was none
  int port = 0;                            ///< of TLS
  std::string remark{};                    ///< more to say when all is well
};

/// Adds the line `tls` and the field `tls` of the data: from, port, days_left, not_after, not_before, subject, issuer,
/// names, fingerprint, client_certificates, plain_port, cas. Not passed when the certificate is expired, not yet valid,
/// nearly expired, not the one that is kept, or does not fit; each with a hint.
void examine_tls(const TlsFacts& facts, const CertificateSpec& spec, WallTime now, HealthReport& report);

}  // namespace raibid
