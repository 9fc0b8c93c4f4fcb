#include "tools/timed_redis.hpp"

#include "fakes/fake_clock.hpp"
#include "fakes/fake_redis.hpp"
#include "support/thrown.hpp"

#include <doctest/doctest.h>

namespace raibid::timed_redis_test {

using namespace std::chrono_literals;

TEST_CASE("the timeline has the names of Redis commands and how long they took, and nothing else of them") {
  FakeClock clock;
  FakeRedis redis([&](const std::string&) {
    clock.advance(1500ms);
    return FakeRedis::status("OK");
  });
  Timeline timeline(clock);
  TimedRedis timed(redis, timeline);
  const std::unique_ptr<RedisConnection> connection = timed.connect({"127.0.0.1", 6379}, 1s);
  connection->command({"AUTH", "geheim"});
  connection->pipeline({{"PING"}, {"SET", "geheim", "geheim"}});
  connection->send({"CONFIG", "GET", "geheim"});
  connection->receive();
  const std::string text = timeline.text();
  CAPTURE(text);
  CHECK(test::has(text, " 0.000 s   0.000 s  redis connect 127.0.0.1:6379\n"));
  CHECK(test::has(text, " 0.000 s   1.500 s  redis AUTH\n"));
  CHECK(test::has(text, " 1.500 s   3.000 s  redis PING, SET\n"));
  CHECK(test::has(text, "  redis CONFIG\n"));
  CHECK_FALSE(test::has(text, "geheim"));
}

TEST_CASE("a connection that fails is on the timeline, too") {
  FakeClock clock;
  FakeRedis redis([](const std::string&) { return FakeRedis::status("OK"); });
  redis.refuse = 1;
  Timeline timeline(clock);
  TimedRedis timed(redis, timeline);
  CHECK_THROWS(timed.connect({"127.0.0.1", 6379}, 1s));
  CHECK(test::has(timeline.text(), "0.000 s  redis connect"));
}

TEST_CASE("what has not ended is open on the timeline, and a long line is cut") {
  FakeClock clock;
  Timeline timeline(clock);
  timeline.begin(Timeline::Kind::request, "watch " + std::string(500, 'x'));
  clock.advance(2s);
  const std::string text = timeline.text();
  CHECK(test::has(text, "…  watch xxx"));
  CHECK(test::has(text, "x …\n"));
  CHECK(test::has(text, " 2.000 s            end\n"));
  CHECK(text.size() < 300);
}

}  // namespace raibid::timed_redis_test
