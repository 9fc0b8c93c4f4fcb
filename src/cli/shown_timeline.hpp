#pragma once

#include <iosfwd>

#include "cli/cli.hpp"
#include "sys/timeline.hpp"
#include "tools/timed_redis.hpp"

namespace raibid {

/// The timeline of --timing: written to standard error when the command ends, however it does.
class ShownTimeline {
 public:
  ShownTimeline(const CliDependencies& system, Runner& runner);
  ~ShownTimeline();
  ShownTimeline(const ShownTimeline&) = delete;
  ShownTimeline& operator=(const ShownTimeline&) = delete;

  /// The connector that records what is waited for.
  RedisConnector& redis() { return m_redis; }

 private:
  Timeline m_timeline;
  TimedRedis m_redis;
  Runner& m_runner;
  std::ostream& m_err;
};

}  // namespace raibid
