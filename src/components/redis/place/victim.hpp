#pragma once

#include <memory>
#include <string>

#include "sys/clock.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// A Redis that is killed and comes back.
class Victim {
 public:
  virtual ~Victim() = default;
  virtual std::string name() const = 0;
  /// What it is killed by, for the report.
  virtual std::string how() const = 0;
  virtual std::unique_ptr<RedisConnection> connect(TimePoint deadline) = 0;
  /// Returns at once; Redis may live on for a moment.
  virtual void kill() = 0;
  /// One look at the kill on its way. Throws Error when it failed.
  virtual void look() = 0;
  /// Waits until another process answers, with its data loaded. Throws Error at the deadline.
  virtual std::unique_ptr<RedisConnection> come_back(TimePoint deadline) = 0;
  /// For a run that ends early: sees to it that Redis runs. Does nothing when it was not killed.
  virtual void revive(TimePoint deadline) = 0;
};

}  // namespace raibid
