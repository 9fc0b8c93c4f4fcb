#pragma once

#include "components/redis/place/local/instance.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// Leads to the server of one instance and to no other, whoever listens on its port: through its Unix socket, which
/// lies in a folder of ours, and whose other end the kernel says is ours. A server that an older version started has no
/// socket: there nothing is sent before its process, the one of the pid file, is seen to own the port.
class LocalConnector final : public RedisConnector {
 public:
  LocalConnector(RedisConnector& redis, LocalInstance instance) : m_redis(redis), m_instance(std::move(instance)) {}

  /// Throws Error (failure) as well when the server does not run or another process has its port.
  std::unique_ptr<RedisConnection> connect(const RedisEndpoint& endpoint, Duration timeout) override;
  std::string served_certificate(const RedisEndpoint& endpoint, Duration timeout) override {
    return m_redis.served_certificate(endpoint, timeout);
  }

 private:
  RedisConnector& m_redis;
  LocalInstance m_instance;
};

}  // namespace raibid
