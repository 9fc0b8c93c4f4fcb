#include "components/redis/place/kubernetes/access.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace raibid {

namespace {
/// It listens within a tenth of a second; one that does not by then waits for an answer that got lost.
constexpr Duration tunnel_patience = std::chrono::seconds(5);
}  // namespace

KubernetesRedis::KubernetesRedis(Context& context, const Kubectl& kubectl, const RedisNames& names, int local_port)
    : m_context(context), m_kubectl(kubectl), m_pod(names.pod), m_local_port(local_port) {
  make_tunnel();
}

void KubernetesRedis::make_tunnel() {
  m_tunnel.emplace(m_context.runner, m_kubectl, m_pod, m_port, m_local_port);
  if (m_stream) m_tunnel->prefer_stream();
}

void KubernetesRedis::speak_tls(std::optional<TlsClient> tls, int port) {
  m_tls = std::move(tls);
  if (port == m_port) return;
  m_port = port;
  open_again();
}

void KubernetesRedis::open_again() {
  m_connection.reset();
  make_tunnel();
}

void KubernetesRedis::lead_to(const std::string& target) {
  if (target == m_pod) return;
  m_pod = target;
  m_connection.reset();
  make_tunnel();
}

void KubernetesRedis::prepare() {
  const TimePoint now = m_context.runner.now();
  const bool mute = !m_tunnel->finished() && m_tunnel->port() == 0 &&
                    now - m_tunnel_started >= m_context.pace->patience(tunnel_patience);
  if (mute) m_tunnel->process()->end();
  if (!m_tunnel->finished()) return;
  m_connection.reset();  // it led through the port-forward that ended
  m_tunnel->ensure();
  m_tunnel_started = now;
}

RedisConnection* KubernetesRedis::try_connection(const Login& login, Duration limit) {
  const int port = m_tunnel->port();
  m_waiting_for = m_tunnel->last_error().empty() ? "the port-forward does not listen yet"
                                                 : "the port-forward ended: " + m_tunnel->last_error();
  if (port == 0) return nullptr;
  if (!m_connection) {
    Answer answer = ask_for_pong(m_context.redis, endpoint_at(port, login), limit);
    m_connection = std::move(answer.connection);
    m_waiting_for = answer.waiting_for;
  }
  return m_connection.get();
}

RedisEndpoint KubernetesRedis::endpoint(const Login& login, TimePoint deadline) {
  return endpoint_at(m_tunnel->wait_ready(deadline), login);
}

RedisEndpoint KubernetesRedis::endpoint_at(int port, const Login& login) {
  RedisEndpoint endpoint;
  endpoint.port = port;
  endpoint.way = m_tunnel->way();
  if (endpoint.way != nullptr) endpoint.host = "pod " + m_pod;
  endpoint.username = login.username;
  endpoint.password = login.password;
  endpoint.tls = m_tls;
  return endpoint;
}

std::unique_ptr<RedisConnection> KubernetesRedis::another(const Login& login, TimePoint deadline) {
  const RedisEndpoint redis = endpoint(login, deadline);
  const Duration left = std::chrono::duration_cast<Duration>(deadline - m_context.runner.now());
  return connect_redis(m_context.redis, redis, std::clamp(left, Duration(100), reply_limit));
}

bool KubernetesRedis::answers(const Login& login, TimePoint until) {
  try {
    const RedisEndpoint redis = endpoint(login, until);
    const Duration left = std::chrono::duration_cast<Duration>(until - m_context.runner.now());
    connect_redis(m_context.redis, redis, std::clamp(left, Duration(100), reply_limit));
    return true;
  } catch (const Error&) {
    return false;  // whoever connects is told why
  }
}

RedisConnection* KubernetesRedis::connection_or_none(const Login& login, TimePoint deadline) {
  try {
    return &connection(login, deadline);
  } catch (const Error&) {
    open_again();
    return nullptr;
  }
}

RedisConnection& KubernetesRedis::connection(const Login& login, TimePoint deadline) {
  if (!m_connection || m_tunnel->finished()) {
    m_connection.reset();
    const RedisEndpoint redis = endpoint(login, deadline);
    const Duration left = std::chrono::duration_cast<Duration>(deadline - m_context.runner.now());
    m_connection = connect_redis(m_context.redis, redis, std::clamp(left, Duration(100), reply_limit));
  }
  return *m_connection;
}

}  // namespace raibid
