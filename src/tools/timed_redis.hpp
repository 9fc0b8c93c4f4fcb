#pragma once

#include <memory>
#include <string>

#include "sys/timeline.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// A connector that writes each wait for Redis into a Timeline: the commands' names, never what else is in them.
class TimedRedis final : public RedisConnector {
 public:
  TimedRedis(RedisConnector& redis, Timeline& timeline) : m_redis(redis), m_timeline(timeline) {}
  std::unique_ptr<RedisConnection> connect(const RedisEndpoint& endpoint, Duration timeout) override;
  std::string served_certificate(const RedisEndpoint& endpoint, Duration timeout) override {
    return m_redis.served_certificate(endpoint, timeout);
  }

 private:
  RedisConnector& m_redis;
  Timeline& m_timeline;
};

}  // namespace raibid
