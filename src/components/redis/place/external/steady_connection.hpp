#pragma once

#include <functional>
#include <memory>

#include "sys/clock.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// A connection to a server that may end it while it is idle (`timeout` of redis.conf; managed services and load
/// balancers do so): after a pause it is tried with a PING, and opened again when it is gone. Nothing is sent twice: a
/// connection that breaks while a command is on its way is an Error as ever. Not after MULTI, WATCH or SUBSCRIBE, which
/// another connection knows nothing of.
class SteadyConnection final : public RedisConnection {
 public:
  using Open = std::function<std::unique_ptr<RedisConnection>()>;
  SteadyConnection(const Clock& clock, std::unique_ptr<RedisConnection> redis, Open open);

  RedisReply command(const std::vector<std::string>& arguments) override;
  std::vector<RedisReply> pipeline(const std::vector<std::vector<std::string>>& commands) override;
  void send(const std::vector<std::string>& arguments) override;
  void stream(RedisFeed& feed) override;
  RedisReply dump(DumpSink& sink, Duration patience) override {
    wake();
    return m_redis->dump(sink, patience);
  }
  RedisReply receive() override;
  bool reads_only() const override { return m_redis->reads_only(); }
  std::string peer_certificate() const override { return m_redis->peer_certificate(); }

 private:
  void wake();
  void note(const std::vector<std::string>& arguments);

  const Clock& m_clock;
  std::unique_ptr<RedisConnection> m_redis;
  Open m_open;
  TimePoint m_used;
  bool m_holds_state = false;
};

}  // namespace raibid
