#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "sys/clock.hpp"

namespace raibid {

/// A certificate and its private key, both PEM.
struct KeyPair {
  std::string certificate;  ///< with its chain, if it has one
  Secret key;
};

/// How long before now a certificate begins, for clients whose clock is behind ours.
inline constexpr std::chrono::hours clock_slack{1};

/// A CA of our own: P-256, its name followed by a few random characters, so that an old and a new CA are told apart.
/// Throws Error (failure) when OpenSSL cannot.
KeyPair make_ca(const std::string& name, WallTime from, WallTime until);

struct CertificateRequest {
  std::string common_name;         ///< cut after 64 characters, which is what X.509 allows
  std::vector<std::string> names;  ///< DNS names, with a wildcard as their first label if need be, and IP addresses
  bool server = false;             ///< for a server, for a client, or for both
  bool client = false;
  WallTime from;
  WallTime until;  ///< never beyond the CA's own end
};

/// A certificate of a new P-256 key, signed by `ca`. Throws Error (failure) naming `ca_origin` (where the CA is kept)
/// when that is damaged, expired, no CA, or its certificate and key do not belong together.
KeyPair issue_certificate(const KeyPair& ca, const CertificateRequest& request, const std::string& ca_origin);

/// The certificate of `next` signed by `ca` instead of by itself: whoever trusts `ca` alone accepts what `next` issues,
/// when it is shown this one as well. Valid as long as both. Throws as issue_certificate.
std::string cross_sign(const KeyPair& ca, const std::string& next, const std::string& ca_origin);

/// What a certificate says.
struct CertificateFacts {
  std::string subject;  ///< "CN=raibid-redis"
  std::string issuer;
  std::vector<std::string> names;  ///< DNS names in lower case, and IP addresses
  WallTime not_before, not_after;
  std::string fingerprint;  ///< SHA-256 of its DER, lower-case hex
  bool server = false;      ///< may be used by a server, by a client; both when it does not say
  bool client = false;
  bool is_ca = false;
};

/// The certificates of a PEM text, in its order. Throws Error (preflight) naming `origin` when there is none, or one
/// cannot be read. Private keys in the text are passed over.
std::vector<CertificateFacts> read_certificates(std::string_view pem, const std::string& origin);

/// The first of them, which is the server's own in a file with its chain.
CertificateFacts read_certificate(std::string_view pem, const std::string& origin);

/// The facts of one in DER: what a handshake shows.
CertificateFacts read_der_certificate(std::string_view der, const std::string& origin);

/// Each certificate of a PEM text by itself; empty when one of them cannot be read.
std::vector<std::string> each_certificate(std::string_view pem);

/// The certificates of a PEM text and nothing else of it, one after the other, each of them once.
std::string only_certificates(std::string_view pem);

/// The certificates of `pem` without that of this fingerprint.
std::string without_certificate(std::string_view pem, const std::string& fingerprint);

/// Throws Error (preflight) naming `origin` when it is no private key that OpenSSL reads, or one with a passphrase.
void check_private_key(const Secret& key, const std::string& origin);

/// Whether the first certificate of `pem` is that of `key`; both have to be readable, else false.
bool belong_together(std::string_view pem, const Secret& key);

/// Why the first certificate of `pem`, with the others of it as its chain, does not lead to a certificate of `trusted`,
/// in OpenSSL's words; "" when it does. Dates are not looked at.
std::string why_not_signed_by(std::string_view pem, std::string_view trusted);

/// Whether a certificate with these names is accepted for `name`, a DNS name or an IP address: a wildcard stands for
/// exactly one first label (RFC 6125).
bool covers_name(const CertificateFacts& certificate, std::string_view name);

}  // namespace raibid
