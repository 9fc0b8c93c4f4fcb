#include "tools/served_certificate.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <memory>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "sys/descriptors.hpp"
#include "tools/redis_socket.hpp"
#include "tools/transport_bio.hpp"

namespace raibid {

namespace {

Error no_handshake(const std::string& where, const std::string& why) {
  ERR_clear_error();
  return Error(ExitCode::failure, fmt::format("no TLS handshake at {}: {}", where, why));
}

std::string why_no_handshake() {
  const unsigned long code = ERR_peek_last_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  if (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER) return "what listens there does not speak TLS";
  return reason == nullptr ? "the connection was closed" : reason;
}

}  // namespace

std::string served_certificate_at(const std::string& host, int port, Runner& runner, TimePoint deadline) {
  const std::unique_ptr<Transport> transport = plain_transport(open_socket(host, port, runner, deadline));
  return served_certificate_over(*transport, fmt::format("{}:{}", printable(host), port), runner, deadline);
}

std::string served_certificate_over(Transport& transport, const std::string& where, Runner& runner,
                                    TimePoint deadline) {
  TransportBio bytes(transport);
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  if (!context) throw no_handshake(where, why_no_handshake());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);  // it is looked at, not believed
  const std::unique_ptr<SSL, decltype(&SSL_free)> session(SSL_new(context.get()), &SSL_free);
  if (!session) throw no_handshake(where, why_no_handshake());
  bytes.attach(session.get());
  for (int result = 0; result != 1;) {
    ERR_clear_error();
    result = SSL_connect(session.get());
    if (result == 1) break;
    const int error = SSL_get_error(session.get(), result);
    bytes.rethrow();
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) throw no_handshake(where, why_no_handshake());
    const short events = transport.events(error == SSL_ERROR_WANT_READ, error == SSL_ERROR_WANT_WRITE);
    if (wait_for(runner, transport.fd(), events, deadline) == 0) throw no_handshake(where, "no answer in time");
  }
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(session.get()), &X509_free);
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> text(BIO_new(BIO_s_mem()), &BIO_free_all);
  if (!certificate || !text || PEM_write_bio_X509(text.get(), certificate.get()) != 1)
    throw no_handshake(where, "it shows no certificate");
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace raibid
