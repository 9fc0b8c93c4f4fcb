#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// A Redis that answers each command as a test's function says, and keeps what it was asked, words joined by spaces.
/// The function may throw: then the connection breaks.
class FakeRedis final : public RedisConnector {
 public:
  using Answer = std::function<RedisReply(const std::string& command)>;

  explicit FakeRedis(Answer answer) : m_answer(std::move(answer)) {}

  std::vector<std::string> commands;
  int connections = 0;
  /// How many connects from now on are refused.
  int refuse = 0;

  std::unique_ptr<RedisConnection> connect(const RedisEndpoint& endpoint, Duration) override {
    ++connections;
    if (refuse > 0) {
      --refuse;
      throw Error(ExitCode::failure, "cannot connect to Redis at " + endpoint.host + ":" +
                                         std::to_string(endpoint.port) + ": Connection refused");
    }
    return std::make_unique<Connection>(*this);
  }

  static RedisReply status(std::string text) { return {RedisReply::Type::status, std::move(text), 0, {}}; }
  static RedisReply error(std::string text) { return {RedisReply::Type::error, std::move(text), 0, {}}; }
  static RedisReply text(std::string text) { return {RedisReply::Type::string, std::move(text), 0, {}}; }
  static RedisReply list(std::vector<RedisReply> items) { return {RedisReply::Type::array, "", 0, std::move(items)}; }

 private:
  class Connection final : public RedisConnection {
   public:
    explicit Connection(FakeRedis& redis) : m_redis(redis) {}
    RedisReply command(const std::vector<std::string>& arguments) override {
      std::string line;
      for (const std::string& argument : arguments) line += (line.empty() ? "" : " ") + argument;
      m_redis.commands.push_back(line);
      return m_redis.m_answer(line);
    }
    std::vector<RedisReply> pipeline(const std::vector<std::vector<std::string>>& commands) override {
      std::vector<RedisReply> replies;
      for (const auto& arguments : commands) replies.push_back(command(arguments));
      return replies;
    }
    void stream(RedisFeed& feed) override {
      for (bool more = true; more;) {
        std::string out;
        more = !feed.fill(out).end;
        while (!out.empty()) feed.answer(command(take_command(out)));
      }
    }
    void send(const std::vector<std::string>& arguments) override { m_sent.push_back(command(arguments)); }
    RedisReply receive() override {
      if (m_sent.empty()) throw std::logic_error("nothing was sent");
      RedisReply reply = std::move(m_sent.front());
      m_sent.pop_front();
      return reply;
    }

   private:
    /// The first command of an encoded row (append_command).
    static std::vector<std::string> take_command(std::string& out) {
      std::size_t at = 0;
      const auto number = [&] {
        const std::size_t end = out.find("\r\n", at);
        const std::size_t value = std::stoul(out.substr(at + 1, end - at - 1));
        at = end + 2;
        return value;
      };
      std::vector<std::string> words(number());
      for (std::string& word : words) {
        const std::size_t size = number();
        word = out.substr(at, size);
        at += size + 2;
      }
      out.erase(0, at);
      return words;
    }

    std::deque<RedisReply> m_sent;
    FakeRedis& m_redis;
  };

  Answer m_answer;
};

}  // namespace raibid
