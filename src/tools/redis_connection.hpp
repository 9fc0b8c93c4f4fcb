#pragma once

#include <memory>
#include <string>

#include "sys/clock.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// hiredis.
class HiredisConnector final : public RedisConnector {
 public:
  std::unique_ptr<RedisConnection> connect(const RedisEndpoint& endpoint, Duration timeout) override;
  std::string served_certificate(const RedisEndpoint& endpoint, Duration timeout) override;
};

}  // namespace raibid
