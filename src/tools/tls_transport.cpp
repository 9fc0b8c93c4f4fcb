#include "tools/tls_transport.hpp"

#include "base/strings.hpp"
#include "sys/clock.hpp"
#include "sys/descriptors.hpp"
#include "tools/certificate.hpp"
#include "tools/openssl_owner.hpp"
#include "tools/redis_socket.hpp"
#include "tools/tls_error.hpp"
#include "tools/transport_bio.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <utility>
#include <vector>

namespace raibid {

namespace {

constexpr Duration probe_limit = std::chrono::seconds(1);

using Bio = OpensslBio;
using Certificate = OpensslCertificate;
using PrivateKey = OpensslKey;
using Session = OpensslOwner<SSL, SSL_free>;

Bio over(const std::string& text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

/// Nobody is asked for a passphrase.
int no_passphrase(char*, int, int, void*) { return 0; }

Certificate next_certificate(BIO* pem) {
  Certificate certificate(PEM_read_bio_X509(pem, nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  return certificate;
}

[[noreturn]] void refuse_own(const std::string& what, const std::string& hint) {
  ERR_clear_error();
  throw TlsError(TlsProblem::own_files, what, hint);
}

void trust(SSL_CTX* context, const std::string& ca) {
  if (ca.empty()) {
    SSL_CTX_set_default_verify_paths(context);  // SSL_CERT_FILE and SSL_CERT_DIR name others
    ERR_clear_error();
    return;
  }
  const Bio pem = over(ca);
  int count = 0;
  for (; Certificate one = next_certificate(pem.get()); ++count)
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one.get());
  if (count == 0) refuse_own("the CA has no certificate in PEM", "its file begins with -----BEGIN CERTIFICATE-----");
}

void show(SSL_CTX* context, const TlsClient& client) {
  if (client.certificate.empty() && client.key.empty()) return;
  if (client.certificate.empty()) refuse_own("there is a key without its certificate", "give both, or none");
  if (client.key.empty()) refuse_own("there is a client certificate without its key", "give both, or none");
  const Bio pem = over(client.certificate);
  const Certificate own = next_certificate(pem.get());
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1)
    refuse_own("the client certificate is not in PEM", "its file begins with -----BEGIN CERTIFICATE-----");
  while (Certificate above = next_certificate(pem.get())) {
    if (SSL_CTX_add0_chain_cert(context, above.get()) == 1) (void)above.release();
  }
  const Bio key_pem = over(client.key.reveal());
  const PrivateKey key(PEM_read_bio_PrivateKey(key_pem.get(), nullptr, no_passphrase, nullptr));
  if (!key)
    refuse_own("the key of the client certificate is not in PEM, or needs a passphrase",
               "its file begins with -----BEGIN PRIVATE KEY-----");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1)
    refuse_own("the key does not belong to the client certificate", "give the key that was made with the certificate");
}

/// What OpenSSL tells on the way; a session that failed says it no more.
struct Seen {
  bool asked = false;       ///< the server asked for a client certificate, and we have none that it would take
  std::string certificate;  ///< the server's, in DER
};

int note_request(SSL* session, X509**, EVP_PKEY**) {
  static_cast<Seen*>(SSL_get_app_data(session))->asked = true;
  return 0;
}

std::string der_of(X509* certificate) {
  if (certificate == nullptr) return "";
  std::string der(static_cast<std::size_t>(std::max(i2d_X509(certificate, nullptr), 0)), '\0');
  auto* end = reinterpret_cast<unsigned char*>(der.data());
  i2d_X509(certificate, &end);
  return der;
}

int note_certificate(int good, X509_STORE_CTX* verification) {
  const auto* session =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
  static_cast<Seen*>(SSL_get_app_data(session))->certificate = der_of(X509_STORE_CTX_get0_cert(verification));
  return good;
}

bool is_address(const std::string& name) {
  std::array<unsigned char, sizeof(in6_addr)> bytes;
  return ::inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1;
}

std::string names_of(const CertificateFacts& certificate) {
  constexpr std::size_t enough = 6;
  std::vector<std::string> names = certificate.names;
  const std::size_t all = names.size();
  if (all == 0) return "no name";
  if (all > enough) names.resize(enough);
  return printable(join(names, ", ")) + (all > enough ? fmt::format(" and {} more", all - enough) : "");
}

/// What the server has against our certificate, as it says in an alert (RFC 8446, section 6.2).
std::string why_refused(int reason) {
  switch (reason) {
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return "it does not know who signed it";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return "it has expired";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
      return "it was revoked";
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
      return "it is not one for clients";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
      return "it is not valid there";
    default:
      return "";
  }
}

/// What came is no record of TLS.
bool is_no_tls(int reason) {
  return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST || reason == SSL_R_UNKNOWN_PROTOCOL;
}

class TlsTransport final : public Transport {
 public:
  TlsTransport(std::unique_ptr<Transport> below, const TlsContext& context, std::string where)
      : m_below(std::move(below)),
        m_bytes(*m_below),
        m_where(std::move(where)),
        m_server_name(context.client().server_name),
        m_has_certificate(!context.client().certificate.empty()),
        m_session(SSL_new(context.get())) {
    if (!m_session) throw std::bad_alloc();
    SSL_set_app_data(m_session.get(), &m_seen);
    m_bytes.attach(m_session.get());
    if (m_server_name.ends_with('.')) m_server_name.pop_back();
    // OpenSSL takes no name as any name
    if (m_server_name.empty() || !expect_name()) throw std::logic_error("TLS without the name of its server");
  }
  ~TlsTransport() override {
    if (m_open) SSL_shutdown(m_session.get());  // says that we go; what it answers is not waited for
    ERR_clear_error();
  }

  /// True when it is done; else it waits for `events`.
  bool handshake() {
    ERR_clear_error();
    const int result = SSL_connect(m_session.get());
    if (result == 1) {
      m_open = true;
      m_read_wants = POLLIN;
      m_write_wants = POLLOUT;
      return true;
    }
    switch (SSL_get_error(m_session.get(), result)) {
      case SSL_ERROR_WANT_READ:
        m_read_wants = POLLIN;
        return false;
      case SSL_ERROR_WANT_WRITE:
        m_read_wants = POLLOUT;
        return false;
      default: {
        const int reason = errno;
        m_bytes.rethrow();
        fail_handshake(reason);
      }
    }
  }
  /// Whether a byte came.
  bool heard() const { return BIO_number_read(SSL_get_rbio(m_session.get())) > 0; }

  std::string peer_certificate() const override { return m_seen.certificate; }
  bool has_more() const override { return m_below->has_more(); }

  int fd() const override { return m_below->fd(); }
  short events(bool to_read, bool to_write) const override {
    const auto wants = [&](short what) {
      return (to_read && m_read_wants == what) || (to_write && m_write_wants == what);
    };
    return m_below->events(wants(POLLIN), wants(POLLOUT));
  }
  bool may_read(short ready) const override { return may(ready, m_read_wants) || (ready & (POLLHUP | POLLERR)) != 0; }
  bool may_write(short ready) const override { return may(ready, m_write_wants); }

  std::size_t write(std::string_view bytes) override {
    std::size_t total = 0;
    while (total < bytes.size()) {
      std::size_t sent = 0;
      ERR_clear_error();
      const int result = SSL_write_ex(m_session.get(), bytes.data() + total, bytes.size() - total, &sent);
      m_write_wants = POLLOUT;
      if (result == 1) {
        total += sent;
        continue;
      }
      const int error = SSL_get_error(m_session.get(), result);
      if (error == SSL_ERROR_WANT_WRITE) break;
      if (error == SSL_ERROR_WANT_READ) {
        m_write_wants = POLLIN;
        break;
      }
      return bytes.size();
    }
    return total;
  }

  /// Until nothing is left, or the buffer is full: poll sees the socket alone, not what was read from it already.
  Read read(std::span<char> buffer) override {
    Read result;
    while (result.bytes < buffer.size()) {
      std::size_t got = 0;
      ERR_clear_error();
      errno = 0;
      const int done = SSL_read_ex(m_session.get(), buffer.data() + result.bytes, buffer.size() - result.bytes, &got);
      m_read_wants = POLLIN;
      if (done == 1) {
        result.bytes += got;
        m_proved = true;
        continue;
      }
      const int error = SSL_get_error(m_session.get(), done);
      if (error == SSL_ERROR_WANT_READ) return result;
      if (error == SSL_ERROR_WANT_WRITE) {
        m_read_wants = POLLOUT;
        return result;
      }
      if (result.bytes > 0) break;  // first what has come; it fails again
      const int reason = errno;
      m_bytes.rethrow();
      return ended(error, reason);
    }
    result.more = true;
    return result;
  }

 private:
  bool may(short ready, short wants) const {
    return wants == POLLIN ? m_below->may_read(ready) : m_below->may_write(ready);
  }

  bool expect_name() {
    SSL* const session = m_session.get();
    if (is_address(m_server_name))
      return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), m_server_name.c_str()) == 1;
    SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(session, m_server_name.c_str()) == 1 &&
           SSL_set_tlsext_host_name(session, m_server_name.c_str()) == 1;
  }

  Read ended(int error, int reason_of_system) {
    const unsigned long code = ERR_peek_error();
    m_open = false;
    if (error == SSL_ERROR_SSL && ERR_GET_REASON(code) != SSL_R_UNEXPECTED_EOF_WHILE_READING) fail_alert(code);
    // with TLS 1.3 the server looks at a client's certificate after the client has ended the handshake
    if (!m_proved && m_seen.asked && !m_has_certificate) fail_without_certificate();
    return {.closed = true, .error = error == SSL_ERROR_SYSCALL ? reason_of_system : 0};
  }

  [[noreturn]] void fail_without_certificate() const {
    throw TlsError(TlsProblem::needs_certificate, m_where + " requires a client certificate, and none was given",
                   "use one that is signed by the CA that this Redis trusts");
  }

  [[noreturn]] void fail_alert(unsigned long code) const {
    const int reason = ERR_GET_REASON(code);
    const bool asks = reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ||
                      (reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE && m_seen.asked && !m_has_certificate);
    if (asks) fail_without_certificate();
    if (const std::string why = why_refused(reason); !why.empty() && m_has_certificate) {
      throw TlsError(TlsProblem::refuses_certificate, m_where + " does not take our client certificate: " + why,
                     "it has to be one for clients, in time, and signed by the CA which this Redis trusts");
    }
    const char* words = ERR_reason_error_string(code);
    throw TlsError(TlsProblem::other, fmt::format("TLS with {} failed: {}", m_where, words ? words : "no reason given"),
                   "the log of that Redis says more");
  }

  [[noreturn]] void fail_handshake(int reason_of_system) const {
    const unsigned long code = ERR_peek_error();
    if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED) fail_certificate();
    const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
    if (is_no_tls(reason)) throw no_tls();
    const bool closed = code == 0 || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    if (!closed) fail_alert(code);
    const std::string why = reason_of_system == 0 ? "" : fmt::format(" ({})", ::strerror(reason_of_system));
    throw TlsError(TlsProblem::other, fmt::format("{} closed the connection during the TLS handshake{}", m_where, why),
                   "check whether this port speaks TLS, and the log of that Redis");
  }

  [[noreturn]] void fail_certificate() const {
    const long verdict = SSL_get_verify_result(m_session.get());
    const std::string whose = "the certificate of " + m_where;
    const CertificateFacts shown = read_der_certificate(m_seen.certificate, m_where);
    switch (verdict) {
      case X509_V_ERR_HOSTNAME_MISMATCH:
      case X509_V_ERR_IP_ADDRESS_MISMATCH:
        throw TlsError(TlsProblem::wrong_name,
                       fmt::format("{} is not for {}: it names {}", whose, printable(m_server_name), names_of(shown)),
                       "use one of its names, or give that Redis a certificate that has this name");
      case X509_V_ERR_CERT_HAS_EXPIRED:
        throw TlsError(
            TlsProblem::expired,
            fmt::format("{} has expired{}", whose,
                        shown.not_after < std::chrono::system_clock::now() ? " at " + rfc3339(shown.not_after)
                                                                           : ": one that it is signed by has"),
            "that Redis needs a new certificate; if it has one, see this machine's clock: date -u");
      case X509_V_ERR_CERT_NOT_YET_VALID:
        throw TlsError(TlsProblem::not_yet_valid,
                       fmt::format("{} is not valid yet, it begins at {}", whose, rfc3339(shown.not_before)),
                       "see this machine's clock: date -u");
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
      case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      case X509_V_ERR_CERT_UNTRUSTED:
        throw TlsError(
            TlsProblem::unknown_ca,
            fmt::format("{} is signed by a CA that is not trusted here ({})", whose, printable(shown.issuer)),
            "the CA's certificate is needed; if it was given, it is another CA's");
      default:
        throw TlsError(TlsProblem::bad_certificate,
                       fmt::format("{} cannot be used: {}", whose, X509_verify_cert_error_string(verdict)),
                       "that Redis needs a certificate for servers (serverAuth) of a CA");
    }
  }

 public:
  TlsError no_tls() const {
    return TlsError(TlsProblem::not_tls, m_where + " does not speak TLS", "leave TLS out, or see the port");
  }

 private:
  std::unique_ptr<Transport> m_below;
  TransportBio m_bytes;
  std::string m_where;
  std::string m_server_name;
  bool m_has_certificate;
  Seen m_seen;
  bool m_open = false;    ///< both ends know the keys
  bool m_proved = false;  ///< something was read, so the server has taken us
  short m_read_wants = POLLIN;
  short m_write_wants = POLLOUT;
  Session m_session;
};

struct Reached {
  std::string host;
  int port;
};

Reached peer_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  address.ss_family = AF_UNSPEC;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&address), size, host.data(), host.size(), port.data(), port.size(),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return {};
  const bool can_be_asked = address.ss_family == AF_INET || address.ss_family == AF_INET6;
  return can_be_asked ? Reached{host.data(), std::atoi(port.data())} : Reached{};
}

}  // namespace

TlsContext::TlsContext(TlsClient client)
    : m_client(std::move(client)), m_context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free) {
  SSL_CTX* const context = m_context.get();
  if (context == nullptr) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, note_certificate);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);  // small answers are small records: several come with one read(2)
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_client_cert_cb(context, note_request);
  trust(context, m_client.ca);
  show(context, m_client);
}

std::unique_ptr<Transport> tls_transport(std::unique_ptr<Transport> below, const TlsContext& context,
                                         const std::string& where, Runner& runner, TimePoint deadline) {
  auto transport = std::make_unique<TlsTransport>(std::move(below), context, where);
  while (!transport->handshake()) {
    if (wait_for(runner, transport->fd(), transport->events(true, false), deadline) != 0) continue;
    // a plain Redis waits for the end of the line that it takes our first message for
    const Reached peer = peer_of(transport->fd());
    if (!transport->heard() && !peer.host.empty() && answers_plain(peer.host, peer.port, runner))
      throw transport->no_tls();
    throw TlsError(TlsProblem::other, where + " did not answer the TLS handshake in time",
                   "check whether this port speaks TLS, and whether that Redis is overloaded");
  }
  return transport;
}

namespace {

/// One step of a handshake: what poll has to wait for, 0 when it has ended, however.
short step_of(SSL* session) {
  ERR_clear_error();
  const int error = SSL_get_error(session, SSL_connect(session));
  return error == SSL_ERROR_WANT_READ ? POLLIN : error == SSL_ERROR_WANT_WRITE ? POLLOUT : 0;
}

/// A handshake in which nobody is trusted, to its end or until `deadline`.
void look(SSL* session, int socket, Runner& runner, TimePoint deadline) {
  SSL_set_fd(session, socket);
  for (short events = step_of(session); events != 0; events = step_of(session)) {
    if (wait_for(runner, socket, events, deadline) == 0) return;
  }
}

}  // namespace

bool answers_tls(const std::string& host, int port, Runner& runner) try {
  const TimePoint deadline = runner.now() + probe_limit;
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  const UniqueFd socket = open_socket(host, port, runner, deadline);
  const Session session(SSL_new(context.get()));
  if (!session) return false;
  look(session.get(), socket.get(), runner, deadline);
  // whatever it thinks of us
  const bool spoke = BIO_number_read(SSL_get_rbio(session.get())) > 0 && !is_no_tls(ERR_GET_REASON(ERR_peek_error()));
  ERR_clear_error();
  return spoke;
} catch (const Error&) {
  return false;
}

bool answers_plain(const std::string& host, int port, Runner& runner) try {
  const TimePoint deadline = runner.now() + probe_limit;
  const UniqueFd socket = open_socket(host, port, runner, deadline);
  const std::string_view question = "PING\r\n";
  if (::send(socket.get(), question.data(), question.size(), MSG_NOSIGNAL) < 0) return false;
  if (wait_for(runner, socket.get(), POLLIN, deadline) == 0) return false;
  char first = 0;
  return ::recv(socket.get(), &first, 1, 0) == 1 && (first == '+' || first == '-');
} catch (const Error&) {
  return false;
}

}  // namespace raibid
