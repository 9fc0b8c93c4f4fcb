#pragma once

#include <poll.h>

#include <span>
#include <vector>

#include "sys/process.hpp"

namespace raibid {

/// A Process that SystemRunner can wait for: it names what it waits for, and takes what poll found.
class Polled : public Process {
 public:
  /// Adds what it waits for to a list for poll.
  virtual void watch(std::vector<pollfd>& list) const = 0;
  /// Reads and writes as poll found it: `ready` is what `watch` added, filled in. True when it said something or ended.
  virtual bool handle(std::span<const pollfd> ready) = 0;
  /// When `handle` is wanted also if nothing is ready.
  virtual TimePoint due() const { return TimePoint::max(); }
};

}  // namespace raibid
