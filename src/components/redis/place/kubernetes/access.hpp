#pragma once

#include <memory>
#include <optional>

#include "components/context.hpp"
#include "components/redis/server/connect.hpp"
#include "components/redis/server/users.hpp"
#include "components/redis/settings/naming.hpp"
#include "tools/kubectl.hpp"
#include "tools/port_forward.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// An installed Redis of a cluster, reached through a port-forward that is opened when it is first needed and again
/// when it has died.
class KubernetesRedis {
 public:
  /// `local_port` 0 takes a free one.
  KubernetesRedis(Context& context, const Kubectl& kubectl, const RedisNames& names, int local_port = 0);

  /// Connections are enough, and no port of this machine is needed: they come by the API where it gives them.
  void prefer_stream() {
    m_stream = true;
    m_tunnel->prefer_stream();
  }
  /// Starts the port-forward, when it does not run, without waiting: it can come up beside other work.
  void prepare();
  /// One look, for `limit` at most: the connection when Redis answers PONG by now, else nullptr. Throws as ask_for_pong
  /// for what no waiting heals.
  RedisConnection* try_connection(const Login& login, Duration limit = reply_limit);
  /// What the last look was still waiting for: a port-forward that listens, a Redis that has loaded its data.
  const std::string& waiting_for() const { return m_waiting_for; }
  /// Where Redis listens for us. Throws Error (failure) when the pod cannot be reached.
  RedisEndpoint endpoint(const Login& login, TimePoint deadline);
  /// An authenticated connection. Throws as connect_redis.
  RedisConnection& connection(const Login& login, TimePoint deadline);
  /// The same; nullptr when it cannot be had, as where the Secret says nothing of what Redis serves after a run that
  /// was killed.
  RedisConnection* connection_or_none(const Login& login, TimePoint deadline);
  /// Whether it answers until then. A connection that was given little time is not kept.
  bool answers(const Login& login, TimePoint until);
  /// Another authenticated connection, beside the one that is kept. Throws as connect_redis.
  std::unique_ptr<RedisConnection> another(const Login& login, TimePoint deadline);
  /// The next connection is a new one: who is logged in over the present one goes, or another should be.
  void forget_connection() { m_connection.reset(); }
  /// A new port-forward: a handshake that failed ends the present one in a moment. The kept connection is gone.
  void open_again();
  /// How it speaks TLS from now on, on this port of the pod; none: plain. The port-forward's address is not what the
  /// certificate has to name.
  void speak_tls(std::optional<TlsClient> tls, int port = redis_port);
  /// What the port-forward goes to from now on: a pod, or "deployment/NAME" (RedisNames::way_to_master).
  void lead_to(const std::string& target);
  PortForward& tunnel() { return *m_tunnel; }

 private:
  void make_tunnel();
  RedisEndpoint endpoint_at(int port, const Login& login);

  Context& m_context;
  const Kubectl& m_kubectl;
  std::string m_pod;
  int m_local_port;
  int m_port = redis_port;
  bool m_stream = false;
  std::optional<PortForward> m_tunnel;
  std::unique_ptr<RedisConnection> m_connection;
  std::string m_waiting_for;
  TimePoint m_tunnel_started{};
  std::optional<TlsClient> m_tls;
};

}  // namespace raibid
