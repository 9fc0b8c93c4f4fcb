#pragma once

#include <iosfwd>

#include "cli/cli.hpp"
#include "sys/timeline.hpp"
#include "tools/timed_redis.hpp"

namespace raibid {

/// What --timing, -v and --debug tell of helm, kubectl, the API and Redis: each line as it comes (-v: what is asked;
/// --debug: also how it ended and how long it took, and Redis), and for --timing all of it when the command ends.
class ShownTimeline {
 public:
  struct Shown {
    bool at_the_end = false;  ///< --timing
    bool questions = false;   ///< -v
    bool answers = false;     ///< --debug
    bool any() const { return at_the_end || questions || answers; }
  };
  ShownTimeline(const CliDependencies& system, Runner& runner, Reporter& reporter, Shown shown);
  ~ShownTimeline();
  ShownTimeline(const ShownTimeline&) = delete;
  ShownTimeline& operator=(const ShownTimeline&) = delete;

  /// The connector that records what is waited for.
  RedisConnector& redis() { return m_redis; }

 private:
  Timeline m_timeline;
  TimedRedis m_redis;
  Runner& m_runner;
  bool m_at_the_end;
  std::ostream& m_err;
};

}  // namespace raibid
