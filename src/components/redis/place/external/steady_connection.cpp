#include "components/redis/place/external/steady_connection.hpp"

#include <algorithm>
#include <string_view>

#include "base/error.hpp"
#include "base/strings.hpp"

namespace raibid {

namespace {

/// Shorter than any pause after which a server ends a connection: `timeout` counts whole seconds.
constexpr auto worth_a_ping = std::chrono::milliseconds(500);

bool is_one_of_words(const std::string& word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

SteadyConnection::SteadyConnection(const Clock& clock, std::unique_ptr<RedisConnection> redis, Open open)
    : m_clock(clock), m_redis(std::move(redis)), m_open(std::move(open)), m_used(clock.now()) {}

void SteadyConnection::wake() {
  if (m_holds_state || m_clock.now() - m_used < worth_a_ping) return;
  try {
    m_redis->command({"PING"});
  } catch (const Error&) {
    m_redis = m_open();
  }
}

void SteadyConnection::note(const std::vector<std::string>& arguments) {
  m_used = m_clock.now();
  const std::string name = arguments.empty() ? "" : to_lower(arguments.front());
  if (is_one_of_words(name, {"multi", "watch", "subscribe", "psubscribe", "ssubscribe"})) m_holds_state = true;
  if (is_one_of_words(name, {"exec", "discard", "unwatch"})) m_holds_state = false;
}

RedisReply SteadyConnection::command(const std::vector<std::string>& arguments) {
  wake();
  RedisReply reply = m_redis->command(arguments);
  note(arguments);
  return reply;
}

std::vector<RedisReply> SteadyConnection::pipeline(const std::vector<std::vector<std::string>>& commands) {
  wake();
  std::vector<RedisReply> replies = m_redis->pipeline(commands);
  for (const std::vector<std::string>& arguments : commands) note(arguments);
  return replies;
}

void SteadyConnection::send(const std::vector<std::string>& arguments) {
  wake();
  m_redis->send(arguments);
  note(arguments);
}

void SteadyConnection::stream(RedisFeed& feed) {
  wake();
  m_redis->stream(feed);
  m_used = m_clock.now();
}

RedisReply SteadyConnection::receive() {
  RedisReply reply = m_redis->receive();
  m_used = m_clock.now();
  return reply;
}

}  // namespace raibid
