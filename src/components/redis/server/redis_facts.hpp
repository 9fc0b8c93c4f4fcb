#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.hpp"
#include "components/redis/server/running_acl.hpp"
#include "components/redis/server/running_config.hpp"
#include "components/redis/server/usage.hpp"
#include "config/preset.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// What a Redis was set up with, as far as its health depends on it.
struct Expectation {
  std::vector<std::pair<std::string, std::string>> directives;
  std::vector<StreamSpec> streams;
  Secret acl = {};  ///< the ACL file that the server was given; empty when it has none
  /// Someone else runs it, and it may forbid INFO and CONFIG: what it is set to is shown and held against nothing.
  bool foreign = false;
};

/// What a Redis tells of itself at one look, without a judgement. What was not asked, because it did not answer before,
/// is empty.
struct RedisFacts {
  struct Server {
    std::string version, role;  ///< "" where INFO is forbidden
    std::int64_t uptime_seconds = 0;
  };
  struct Persistence {
    std::string appendonly, appendfsync;  ///< as CONFIG has them, else as INFO does, else "unknown"
    std::string last_write, last_rewrite, last_snapshot;
    std::vector<Difference> differences;  ///< from what was asked for; none of a foreign one
  };
  struct Memory {
    std::int64_t used = 0, limit = 0;  ///< bytes; limit 0: none
    std::string policy;
    std::int64_t evicted_keys = 0;  ///< since its start
    std::int64_t peak = 0;          ///< bytes, since its start
  };
  /// Commands that took longer than slowlog-log-slower-than.
  struct SlowLog {
    std::int64_t entries = 0;  ///< of the newest 128
    std::string command{};     ///< of the slowest; "" without one
    std::int64_t microseconds = 0;
    std::int64_t at = 0;   ///< when it ran, seconds since 1970
    std::int64_t now = 0;  ///< Redis' clock; 0 where it does not tell
  };
  struct Acl {
    std::vector<AclDifference> differences;
    std::vector<std::string> users_with_two_passwords;  ///< while a rotation is under way
  };
  struct Group {
    std::string name;
    bool exists = false;
    std::int64_t pending = 0, consumers = 0;
    std::optional<std::int64_t> lag;  ///< counted where Redis does not know it; none when there are too many
    bool lag_lost = false;            ///< Redis does not know it, and could be told
    std::int64_t lost_undelivered = 0;
    std::int64_t lost_pending = 0;
  };
  struct Stream {
    std::string name;
    std::string error;  ///< what Redis answered instead; "" when it is a stream that is there
    std::optional<std::int64_t> length;
    std::int64_t max_length = 0;  ///< 0: none
    std::vector<Group> groups;
  };
  /// The limits of the preset for a stream, and those that are passed, a line each.
  struct Limits {
    std::string stream;
    std::vector<std::string> passed;
  };
  /// Why there is no more to tell: it cannot be reached, or the connection ended.
  struct Failure {
    std::string text, hint;
  };

  bool asked = false;  ///< a PING was sent
  bool pong = false;
  std::string instead_of_pong, code_instead_of_pong;  ///< "LOADING Redis is loading …", "LOADING"
  std::optional<Server> server{};
  std::optional<Persistence> persistence{};
  std::optional<Memory> memory{};
  std::optional<Growth> memory_growth{}, evictions{};  ///< since an earlier look, see take_trend
  std::optional<SlowLog> slow_log{};                   ///< where it may be read
  std::string folder{};                                ///< of its data, as it calls it; "" where it does not tell
  std::optional<Acl> acl{};                            ///< of one with an ACL file
  std::vector<Stream> streams{};
  std::optional<std::vector<Limits>> limits{};
  std::optional<Failure> failure{};
  bool foreign = false;  ///< see Expectation

  bool has_streams = false;  ///< it is meant to have some
};

/// Asks. What was learnt stays in `facts` when it throws: Error (failure), for a connection that ends.
void read_redis_facts(RedisConnection& redis, const Expectation& expected, RedisFacts& facts);

}  // namespace raibid
