#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace raibid {

/// Asynq's TaskMessage, which it keeps in the field `msg` of a task's hash in the wire format of Protocol Buffers
/// (internal/proto/asynq.proto of github.com/hibiken/asynq, v0.26). Times are Unix seconds, 0 for none.
struct AsynqMessage {
  std::string type, payload, id, queue;
  std::vector<std::pair<std::string, std::string>> headers;
  std::int64_t retry = 0;    ///< how often it may be tried again
  std::int64_t retried = 0;  ///< how often it was
  std::string error;         ///< of the last failure
  std::int64_t last_failed_at = 0;
  std::int64_t timeout = 0;  ///< seconds
  std::int64_t deadline = 0;
  std::string unique_key, group;
  std::int64_t retention = 0;  ///< seconds
  std::int64_t completed_at = 0;
};

/// std::nullopt for bytes that are no such message. Fields that are not known are skipped, as Protocol Buffers ask for.
std::optional<AsynqMessage> decode_asynq_message(std::string_view bytes);

/// The bytes of the message, as the library's client writes them.
std::string encode_asynq_message(const AsynqMessage& message);

/// A task with what Asynq keeps beside its message. Times are Unix seconds, 0 for none.
struct AsynqTaskFacts {
  AsynqMessage message;
  bool readable = true;               ///< the message could be decoded
  std::int64_t score = 0;             ///< due (scheduled, retry), archived at, or kept until (completed)
  std::int64_t pending_since_ms = 0;  ///< of a pending task; 0 where Redis does not know
  std::int64_t lease_until = 0;       ///< of an active task
  std::string result;
};

}  // namespace raibid
