#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/redis_client.hpp"

namespace raibid {

/// The Redis of a dry run: its connections refuse every command that may change something (std::logic_error, see
/// ChangeGuard).
class ReadingRedis final : public RedisConnector {
 public:
  explicit ReadingRedis(RedisConnector& redis) : m_redis(redis) {}
  std::unique_ptr<RedisConnection> connect(const RedisEndpoint& endpoint, Duration timeout) override;
  std::string served_certificate(const RedisEndpoint& endpoint, Duration timeout) override {
    return m_redis.served_certificate(endpoint, timeout);
  }

 private:
  RedisConnector& m_redis;
};

/// Whether this command is known to change nothing. One that is not known counts as a change.
bool only_reads(const std::vector<std::string>& arguments);

}  // namespace raibid
