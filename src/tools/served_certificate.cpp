#include "tools/served_certificate.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/printable.hpp"

namespace raibid {

namespace {

using Stream = std::unique_ptr<BIO, decltype(&BIO_free_all)>;

Error no_handshake(const std::string& host, int port, const std::string& why) {
  ERR_clear_error();
  return Error(ExitCode::failure, fmt::format("no TLS handshake at {}:{}: {}", printable(host), port, why));
}

std::string why_failed() {
  const unsigned long code = ERR_peek_last_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  if (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER) return "what listens there does not speak TLS";
  return reason == nullptr ? "the connection was closed" : reason;
}

/// Until the stream can go on; false when the time has passed.
bool wait_for_stream(BIO* stream, std::chrono::steady_clock::time_point until) {
  int fd = -1;
  if (BIO_get_fd(stream, &fd) < 0 || fd < 0) return false;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
  if (left <= 0) return false;
  const short events = BIO_should_read(stream) ? POLLIN : POLLOUT;
  pollfd entry{fd, events, 0};
  return ::poll(&entry, 1, static_cast<int>(std::min<long long>(left, 60'000))) >= 0 || errno == EINTR;
}

}  // namespace

std::string served_certificate_at(const std::string& host, int port, Duration timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  if (!context) throw no_handshake(host, port, why_failed());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);  // it is looked at, not believed
  const Stream stream(BIO_new_ssl_connect(context.get()), &BIO_free_all);
  SSL* ssl = nullptr;
  if (!stream || BIO_get_ssl(stream.get(), &ssl) != 1) throw no_handshake(host, port, why_failed());
  const std::string address = (host.find(':') == std::string::npos ? host : "[" + host + "]") + fmt::format(":{}", port);
  BIO_set_conn_hostname(stream.get(), address.c_str());
  BIO_set_nbio(stream.get(), 1);
  while (BIO_do_handshake(stream.get()) <= 0) {
    if (!BIO_should_retry(stream.get())) throw no_handshake(host, port, why_failed());
    if (!wait_for_stream(stream.get(), until)) throw no_handshake(host, port, "no answer in time");
  }
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl), &X509_free);
  const Stream text(BIO_new(BIO_s_mem()), &BIO_free_all);
  if (!certificate || !text || PEM_write_bio_X509(text.get(), certificate.get()) != 1)
    throw no_handshake(host, port, "it shows no certificate");
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace raibid
