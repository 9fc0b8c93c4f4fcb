#pragma once

#include <functional>
#include <memory>
#include <string>

#include "components/context.hpp"
#include "components/redis/place/external/external_target.hpp"
#include "components/redis/place/external/service_way.hpp"
#include "components/redis/server/connect.hpp"
#include "tools/redis_client.hpp"
#include "tools/tls_error.hpp"

namespace raibid {

/// The way to a Redis that someone else runs: logs in, chooses the database, and connects again when a server that
/// ends idle connections has done so between two commands.
class ExternalServer {
 public:
  ExternalServer(Context& context, ExternalTarget target);

  const ExternalTarget& target() const { return m_target; }
  /// The flags that name this Redis again, also where it was found beside others.
  Scope scope() const;
  /// Where it listens for us, with the password that the server took, once there was a connection. For a Service it
  /// opens the way there. Throws as reach.
  RedisEndpoint endpoint();

  /// For a Service: asks the cluster for its port and its password. Nothing for a URL. Throws as ServiceWay.
  void reach();
  /// The way to a Service, with this local port (0: a free one); nullptr for a URL.
  PortForward* tunnel(int local_port = 0);

  /// A connection that has answered PING. Asks for a password on a terminal when the server wants one and none is
  /// known. Throws Error (failure) with a hint that fits: unreachable, silent, not a Redis, wrong or missing password,
  /// no such database, loading its data.
  std::unique_ptr<RedisConnection> connect(TimePoint deadline);
  /// The same, and waits until `deadline` while the server loads its data; `progress` hears of it.
  std::unique_ptr<RedisConnection> connect_patiently(TimePoint deadline,
                                                     const std::function<void(const std::string&)>& progress);

 private:
  Answer look(Duration timeout);
  Answer log_in(std::unique_ptr<RedisConnection> redis, bool may_ask, Duration timeout);
  std::unique_ptr<RedisConnection> open(Duration timeout);
  bool ask_for_password();
  void take_tls_of_service();
  Error refused(const RedisReply& reply, const std::vector<std::string>& question) const;
  std::string hint_of(const std::string& prose) const;
  std::string advice(const TlsError& error) const;

  Context& m_context;
  ExternalTarget m_target;
  std::optional<TlsClient> m_tls;     ///< read once it is needed
  std::unique_ptr<ServiceWay> m_way;  ///< to a Service
};

}  // namespace raibid
