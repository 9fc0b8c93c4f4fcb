#pragma once

#include <memory>
#include <string>

#include "sys/process.hpp"
#include "sys/unique_fd.hpp"
#include "tools/redis_client.hpp"
#include "tools/transport.hpp"

struct ssl_ctx_st;

namespace raibid {

/// Whom we trust and what we show, read once: the system's roots alone take milliseconds to read.
class TlsContext {
 public:
  /// Throws TlsError (own_files, usage): what is not PEM, a key that does not belong to the certificate.
  explicit TlsContext(TlsClient client);

  const TlsClient& client() const { return m_client; }
  ssl_ctx_st* get() const { return m_context.get(); }

 private:
  TlsClient m_client;
  std::shared_ptr<ssl_ctx_st> m_context;
};

/// TLS 1.2 or newer over `below`: the handshake, until `deadline`. The certificate has to be signed by the CA and to
/// name the server. `where` is how the server is called in messages. Throws TlsError, and Interrupted.
std::unique_ptr<Transport> tls_transport(std::unique_ptr<Transport> below, const TlsContext& context,
                                         const std::string& where, Runner& runner, TimePoint deadline);

/// Whether what listens there speaks TLS, or (second) plain Redis. For telling why a connection does not come about; a
/// second at most. Throws Interrupted alone.
bool answers_tls(const std::string& host, int port, Runner& runner);
bool answers_plain(const std::string& host, int port, Runner& runner);

}  // namespace raibid
