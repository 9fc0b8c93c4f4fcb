#include "components/redis/access.hpp"

#include <algorithm>

#include "components/redis/queue.hpp"

namespace raibid {

namespace {
constexpr int redis_port = 6379;
}

KubernetesRedis::KubernetesRedis(Context& context, const Kubectl& kubectl, const RedisNames& names, int local_port)
    : m_context(context), m_tunnel(context.runner, kubectl, names.pod, redis_port, local_port) {}

void KubernetesRedis::prepare() {
  if (m_tunnel.finished()) m_connection.reset();  // it led through the port-forward that ended
  m_tunnel.ensure();
}

RedisConnection* KubernetesRedis::try_connection(const Secret& password) {
  const int port = m_tunnel.port();
  if (port == 0) return nullptr;
  if (!m_connection) {
    RedisEndpoint redis;
    redis.port = port;
    redis.password = password;
    m_connection = ask_for_pong(m_context.redis, redis, reply_limit).connection;
  }
  return m_connection.get();
}

RedisEndpoint KubernetesRedis::endpoint(const Secret& password, TimePoint deadline) {
  RedisEndpoint endpoint;
  endpoint.port = m_tunnel.wait_ready(deadline);
  endpoint.password = password;
  return endpoint;
}

RedisConnection& KubernetesRedis::connection(const Secret& password, TimePoint deadline) {
  if (!m_connection || m_tunnel.finished()) {
    m_connection.reset();
    const RedisEndpoint redis = endpoint(password, deadline);
    const Duration left = std::chrono::duration_cast<Duration>(deadline - m_context.runner.now());
    m_connection = connect_redis(m_context.redis, redis, std::clamp(left, Duration(100), reply_limit));
  }
  return *m_connection;
}

}  // namespace raibid
