#include "base/junit.hpp"

#include <doctest/doctest.h>

namespace raibid::junit_test {

TEST_SUITE("junit") {
  TEST_CASE("passed, failed and skipped tests, counted and escaped") {
    const std::string text = junit("status \"a\"", {{.name = "redis", .text = "PONG <1>", .seconds = 0.25},
                                                    {.name = "claim", .failure = "full & read-only\nmake it larger"},
                                                    {.name = "aof", .skipped = "CONFIG is forbidden\x01"}});
    CHECK(text ==
          R"(<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="status &quot;a&quot;" tests="3" failures="1" skipped="1" time="0.250">
    <testcase classname="status &quot;a&quot;" name="redis" time="0.250">
      <system-out>PONG &lt;1&gt;</system-out>
    </testcase>
    <testcase classname="status &quot;a&quot;" name="claim" time="0.000">
      <failure message="full &amp; read-only&#10;make it larger"/>
    </testcase>
    <testcase classname="status &quot;a&quot;" name="aof" time="0.000">
      <skipped message="CONFIG is forbidden"/>
    </testcase>
  </testsuite>
</testsuites>
)");
  }
}

}  // namespace raibid::junit_test
