#pragma once

#include <memory>

#include "sys/process.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

class TlsContext;

/// Connections over sockets of our own, with hiredis' reader. All that they wait for goes through the Runner's poll, so
/// a signal ends a wait (Interrupted): while connecting at once, while an answer is due after a tenth of a second
/// without one, because what was asked may have been done and a Redis that is well says so sooner.
class HiredisConnector final : public RedisConnector {
 public:
  explicit HiredisConnector(Runner& runner);
  ~HiredisConnector() override;

  std::unique_ptr<RedisConnection> connect(const RedisEndpoint& endpoint, Duration timeout) override;
  std::string served_certificate(const RedisEndpoint& endpoint, Duration timeout) override;

 private:
  const TlsContext& tls_context(const TlsClient& client);

  Runner& m_runner;
  std::unique_ptr<TlsContext> m_tls;  ///< of the last connection: the next is mostly to the same Redis
};

}  // namespace raibid
