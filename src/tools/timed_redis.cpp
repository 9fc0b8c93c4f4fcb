#include "tools/timed_redis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace raibid {

namespace {

/// Ends its entry however the block ends.
class TimedBlock {
 public:
  TimedBlock(Timeline& timeline, const std::string& what)
      : m_timeline(timeline), m_number(timeline.begin(Timeline::Kind::redis, what)) {}
  ~TimedBlock() { m_timeline.end(m_number); }
  TimedBlock(const TimedBlock&) = delete;
  TimedBlock& operator=(const TimedBlock&) = delete;

 private:
  Timeline& m_timeline;
  std::size_t m_number;
};

std::string name_of(const std::vector<std::string>& arguments) { return arguments.empty() ? "?" : arguments[0]; }

std::string names_of(const std::vector<std::vector<std::string>>& commands) {
  constexpr std::size_t shown = 8;
  std::string names;
  for (std::size_t i = 0; i < std::min(commands.size(), shown); ++i)
    names += (i == 0 ? "" : ", ") + name_of(commands[i]);
  return names + (commands.size() > shown ? fmt::format(" and {} more", commands.size() - shown) : "");
}

class TimedConnection final : public RedisConnection {
 public:
  TimedConnection(std::unique_ptr<RedisConnection> redis, Timeline& timeline)
      : m_redis(std::move(redis)), m_timeline(timeline) {}

  RedisReply command(const std::vector<std::string>& arguments) override {
    const TimedBlock block(m_timeline, "redis " + name_of(arguments));
    return m_redis->command(arguments);
  }
  std::vector<RedisReply> pipeline(const std::vector<std::vector<std::string>>& commands) override {
    const TimedBlock block(m_timeline, "redis " + names_of(commands));
    return m_redis->pipeline(commands);
  }
  void send(const std::vector<std::string>& arguments) override {
    m_sent = m_timeline.begin(Timeline::Kind::redis, "redis " + name_of(arguments));
    m_redis->send(arguments);
  }
  void stream(RedisFeed& feed) override {
    const TimedBlock block(m_timeline, "redis, a row of commands");
    m_redis->stream(feed);
  }
  RedisReply dump(DumpSink& sink, Duration patience) override {
    const TimedBlock block(m_timeline, "redis SYNC");
    return m_redis->dump(sink, patience);
  }
  std::string peer_certificate() const override { return m_redis->peer_certificate(); }
  bool reads_only() const override { return m_redis->reads_only(); }
  RedisReply receive() override {
    RedisReply reply = m_redis->receive();
    if (m_sent) m_timeline.end(*std::exchange(m_sent, std::nullopt));
    return reply;
  }

 private:
  std::unique_ptr<RedisConnection> m_redis;
  Timeline& m_timeline;
  std::optional<std::size_t> m_sent;
};

}  // namespace

std::unique_ptr<RedisConnection> TimedRedis::connect(const RedisEndpoint& endpoint, Duration timeout) {
  const std::string& host = endpoint.host;
  const TimedBlock block(m_timeline, host.starts_with('/') ? "redis connect " + host
                                                           : fmt::format("redis connect {}:{}", host, endpoint.port));
  return std::make_unique<TimedConnection>(m_redis.connect(endpoint, timeout), m_timeline);
}

}  // namespace raibid
