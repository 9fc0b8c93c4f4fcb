#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tools/redis_client.hpp"

struct redisReader;

namespace raibid {

/// Turns the bytes of a connection into replies (RESP). The parser is hiredis' reader; what is too long is refused
/// here, because hiredis has no limit.
class RedisReplies {
 public:
  /// `where` is how the server is called in messages.
  explicit RedisReplies(std::string where);
  ~RedisReplies();
  RedisReplies(const RedisReplies&) = delete;
  RedisReplies& operator=(const RedisReplies&) = delete;

  /// Throws Error (failure): not Redis, an answer that is too long.
  void add(std::string_view bytes);
  std::optional<RedisReply> next();
  /// Whether a reply has begun and is not whole yet.
  bool in_the_middle() const { return m_answer_size > 0; }

  /// What of the reply that is being read counts; it is handed through hiredis.
  struct Limits {
    std::size_t items = 0;
    bool exceeded = false;
  };

 private:
  [[noreturn]] void fail_protocol();
  [[noreturn]] void fail_large();

  std::string m_where;
  Limits m_limits;
  std::unique_ptr<redisReader, void (*)(redisReader*)> m_reader;
  std::size_t m_answer_size = 0;  ///< of the answer that is being read
  std::string m_beginning;        ///< of it, for telling what it is when it is not Redis'
};

}  // namespace raibid
