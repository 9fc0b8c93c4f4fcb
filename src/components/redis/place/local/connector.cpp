#include "components/redis/place/local/connector.hpp"

#include "base/error.hpp"
#include "sys/files.hpp"
#include "sys/process_table.hpp"

namespace raibid {

std::unique_ptr<RedisConnection> LocalConnector::connect(const RedisEndpoint& endpoint, Duration timeout) {
  const std::optional<int> pid = m_instance.pid();
  if (!pid) throw m_instance.not_running(endpoint.port);
  if (fs::exists(m_instance.socket())) {
    try {
      RedisEndpoint socket = endpoint;
      socket.host = m_instance.socket();
      socket.tls.reset();  // a server speaks TLS on its ports alone
      return m_redis.connect(socket, timeout);
    } catch (const Error&) {
      // a server of an older version that was started after a newer one was killed
    }
  }
  RedisEndpoint port = endpoint;
  const auto state = m_instance.state();
  if (state && state->spec.tls.enabled() && !port.tls)
    port.tls = tls_client(m_instance.certificates(), state->spec.tls, endpoint.host);
  // the connection first, the proof after it, and only then a byte: what has accepted it is what listened meanwhile
  const std::string before = process_identity(*pid);
  std::unique_ptr<RedisConnection> connection = m_redis.connect(port, timeout);
  if (before.empty() || process_identity(*pid) != before || !m_instance.listens(endpoint.port))
    throw m_instance.not_running(endpoint.port);
  return connection;
}

}  // namespace raibid
