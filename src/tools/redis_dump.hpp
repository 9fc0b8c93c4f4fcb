#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/redis_client.hpp"

namespace raibid {

/// Takes what Redis answers to SYNC apart, in pieces of any size: newlines while it prepares the copy, then
/// "$<length>" and so many bytes, or "$EOF:<40 characters>" and bytes until those come again
/// (redis/src/replication.c, readSyncBulkPayload; redis-cli.c, sendSync).
class DumpReader {
 public:
  /// Hands the bytes of the copy to `sink`. What comes after its end is dropped: Redis before 6.2 goes on with
  /// commands. Throws Error (failure) on anything else than that, and what the sink throws.
  void add(std::string_view bytes, DumpSink& sink);
  bool ended() const { return m_state == State::ended; }
  /// Of the copy, so far.
  std::int64_t bytes() const { return m_taken; }
  /// Once ended: the number of bytes, or Redis' error.
  RedisReply reply() const;

 private:
  enum class State { header, counted, marked, ended };
  void read_header();
  void take_counted(std::string_view bytes, DumpSink& sink);
  void take_marked(std::string_view bytes, DumpSink& sink);

  State m_state = State::header;
  std::string m_line;       ///< of the header, so far
  std::string m_mark;       ///< what ends the copy
  std::string m_held;       ///< the last bytes, which may be the mark
  std::int64_t m_left = 0;  ///< of a counted copy
  std::int64_t m_taken = 0;
  RedisReply m_error;
};

}  // namespace raibid
