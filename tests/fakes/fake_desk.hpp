#pragma once

#include <chrono>
#include <sstream>

#include "components/context.hpp"
#include "fakes/fake_random.hpp"
#include "fakes/fake_redis.hpp"
#include "fakes/fake_reporter.hpp"
#include "fakes/fake_runner.hpp"
#include "sys/signals.hpp"

namespace raibid::test {

/// A Context on fakes, with five minutes, no settings and no Redis.
struct FakeDesk {
  FakeRunner runner;
  Signals signals;
  FakeRandom random;
  FakeReporter reporter;
  FakeRedis redis{[](const std::string&) { return FakeRedis::error("ERR no Redis here"); }};
  std::ostringstream out;
  Context context{runner,
                  runner.clock(),
                  random,
                  signals,
                  reporter,
                  redis,
                  {},
                  {},
                  {},
                  {},
                  runner.now() + std::chrono::minutes(5),
                  out,
                  {},
                  ChangeGuard(false),
                  Files(ChangeGuard(false))};
};

}  // namespace raibid::test
