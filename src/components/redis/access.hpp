#pragma once

#include <memory>

#include "components/context.hpp"
#include "tools/port_forward.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// A way to reach an installed Redis from here: directly (local target), or through a port-forward that lives as long as this.
class RedisAccess {
 public:
  RedisAccess(RedisEndpoint endpoint, std::unique_ptr<PortForward> tunnel)
      : m_endpoint(std::move(endpoint)), m_tunnel(std::move(tunnel)) {}

  const RedisEndpoint& endpoint() const { return m_endpoint; }
  PortForward* tunnel() { return m_tunnel.get(); }

 private:
  RedisEndpoint m_endpoint;
  std::unique_ptr<PortForward> m_tunnel;
};

}  // namespace raibid
