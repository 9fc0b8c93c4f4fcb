#include "tools/reading_redis.hpp"

#include <set>
#include <string_view>
#include <utility>

#include "base/change_guard.hpp"

namespace raibid {

namespace {

/// By name, or by name and subcommand where the others change something.
const std::set<std::string, std::less<>>& reading_commands() {
  static const std::set<std::string, std::less<>> known = {
      "AUTH",
      "PING",
      "INFO",
      "TIME",
      "TYPE",
      "DBSIZE",
      "SCAN",
      "GET",
      "EXISTS",
      "TTL",
      "PTTL",
      "PEXPIRETIME",
      "LLEN",
      "LRANGE",
      "SCARD",
      "SMEMBERS",
      "ZCARD",
      "ZRANGE",
      "HGET",
      "HGETALL",
      "XLEN",
      "XRANGE",
      "XPENDING",
      "XINFO",
      "CONFIG GET",
      "SLOWLOG GET",
      "ACL LIST",
      "ACL CAT",
      "ACL GETUSER",
      "ACL WHOAMI",
      "CLIENT LIST",
      "CLIENT INFO",
      "CLIENT ID",
      "MEMORY USAGE",
      "ROLE",
      "COMMAND COUNT",
      "XREVRANGE",
      "HMGET",
      "EVAL_RO",
      "EVALSHA_RO",
      "SCRIPT LOAD",
      "SELECT",
      "SENTINEL MASTER",
      "SENTINEL CKQUORUM",
  };
  return known;
}

void refuse_change(const std::vector<std::string>& arguments) {
  // the other arguments may be secrets
  if (!only_reads(arguments)) ChangeGuard(true).check("send Redis " + (arguments.empty() ? "" : arguments.front()));
}

class ReadingConnection final : public RedisConnection {
 public:
  explicit ReadingConnection(std::unique_ptr<RedisConnection> redis) : m_redis(std::move(redis)) {}

  RedisReply command(const std::vector<std::string>& arguments) override {
    refuse_change(arguments);
    return m_redis->command(arguments);
  }
  std::vector<RedisReply> pipeline(const std::vector<std::vector<std::string>>& commands) override {
    for (const std::vector<std::string>& arguments : commands) refuse_change(arguments);
    return m_redis->pipeline(commands);
  }
  void send(const std::vector<std::string>& arguments) override {
    refuse_change(arguments);
    m_redis->send(arguments);
  }
  RedisReply receive() override { return m_redis->receive(); }
  std::string peer_certificate() const override { return m_redis->peer_certificate(); }
  bool reads_only() const override { return true; }

 private:
  std::unique_ptr<RedisConnection> m_redis;
};

}  // namespace

bool only_reads(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return false;
  const auto& known = reading_commands();
  if (known.contains(arguments[0])) return true;
  return arguments.size() > 1 && known.contains(arguments[0] + " " + arguments[1]);
}

std::unique_ptr<RedisConnection> ReadingRedis::connect(const RedisEndpoint& endpoint, Duration timeout) {
  return std::make_unique<ReadingConnection>(m_redis.connect(endpoint, timeout));
}

}  // namespace raibid
