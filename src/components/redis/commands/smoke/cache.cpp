#include "components/redis/commands/smoke/cache.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/commands/smoke/lock.hpp"
#include "components/redis/commands/smoke/operation.hpp"

// mirai: cache entries with ETag and expiry, patterns that invalidate, expiry events, locks of some seconds.

namespace raibid {

namespace {

constexpr Duration cache_ttl = std::chrono::seconds(300);
constexpr Duration usual_lock = std::chrono::seconds(10);
constexpr Duration short_ttl = std::chrono::milliseconds(100);

std::string entry(int version) {
  return fmt::format(
      R"({{"data":{{"courses":[1,2,3]}},"etag":"W/\"abc-{0}\"","timestamp":1234567890123,"version":{0}}})", version);
}

void put(RedisConnection& redis, const std::string& key, int version, Duration ttl) {
  checked(redis, {"SET", key, entry(version), "PX", milliseconds(ttl)});
}

/// False when the entry is not the version any more that the writer had read.
bool put_if(RedisConnection& redis, const std::string& key, int read, int version, Duration ttl) {
  constexpr const char* script = R"(
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1)";
  return run_script(redis, script, {key}, {entry(read), entry(version), milliseconds(ttl)}).integer == 1;
}

void check_entries(SmokeBench& bench, RedisConnection& frontend, const std::string& key, Duration ttl) {
  expect(checked(frontend, {"GET", key}).is_nil(), "a cache entry that nobody stored is there");
  put(bench.redis(), key, 1, ttl);
  expect(checked(frontend, {"GET", key}).text == entry(1), "the frontend reads another entry than the backend stored");
  expect_ttl(frontend, key, ttl);
  expect(put_if(frontend, key, 1, 2, ttl), "a write with the right ETag was refused");
  expect(!put_if(bench.redis(), key, 1, 3, ttl), "a write with an old ETag was taken");
  expect(checked(bench.redis(), {"GET", key}).text == entry(2), "an entry is not what was written last");
}

// All that match go, as SCAN finds them, and nothing else.
void check_invalidation(SmokeBench& bench, Duration ttl) {
  for (int i = 0; i < 20; ++i) put(bench.redis(), bench.key(fmt::format("courses:status:{}", i)), 1, ttl);
  put(bench.redis(), bench.key("folders:hierarchy"), 1, ttl);
  std::string cursor = "0";
  do {
    const RedisReply page = checked(bench.redis(), {"SCAN", cursor, "MATCH", bench.key("courses:*"), "COUNT", "1000"});
    for (const RedisReply& found : page.items.at(1).items) checked(bench.redis(), {"DEL", found.text});
    cursor = page.items.at(0).text;
  } while (cursor != "0");
  for (int i = 0; i < 20; ++i) {
    expect(checked(bench.redis(), {"EXISTS", bench.key(fmt::format("courses:status:{}", i))}).integer == 0,
           "an invalidated entry is still there");
  }
  expect(checked(bench.redis(), {"EXISTS", bench.key("folders:hierarchy")}).integer == 1,
         "an entry that was not invalidated is gone");
}

// Redis tells of an expired key: what notify-keyspace-events Ex is for.
void check_events(SmokeBench& bench) {
  const std::unique_ptr<RedisConnection> listener = bench.connect();
  listener->send({"SUBSCRIBE", "__keyevent@0__:expired"});
  const RedisReply confirmed = listener->receive();
  expect(!confirmed.is_error(), "Redis refuses SUBSCRIBE: " + confirmed.text);
  const std::string key = bench.key("short-lived");
  put(bench.redis(), key, 1, short_ttl);
  bench.wait(short_ttl * 2);
  expect(checked(bench.redis(), {"EXISTS", key}).integer == 0, "an entry outlives its time to live");
  // by now the event is on its way: it comes before the answer to what is asked after it
  listener->send({"PING"});
  for (RedisReply event = listener->receive(); event.items.size() != 2; event = listener->receive()) {
    if (event.items.size() == 3 && event.items[2].text == key) return;
  }
  throw Error(ExitCode::failure, "no event came for an expired key: notify-keyspace-events has to contain Ex");
}

void check_lock(SmokeBench& bench, RedisConnection& frontend, const std::string& key, Duration ttl) {
  expect(acquire(bench.redis(), key, "backend", ttl), "a free lock was refused");
  expect(!acquire(frontend, key, "frontend", ttl), "a lock was given to two");
  expect_ttl(frontend, key, ttl);
  expect(!release(frontend, key, "frontend"), "a lock was released by another than its holder");
  expect(release(bench.redis(), key, "backend"), "a lock could not be released by its holder");
  expect(acquire(frontend, key, "frontend", ttl), "a released lock was refused");
}

}  // namespace

std::string smoke_cache_ttl(SmokeBench& bench, const SmokeParameters& parameters) {
  const Duration ttl = time_parameter(parameters, "ttl", cache_ttl);
  const std::unique_ptr<RedisConnection> frontend = bench.connect();
  check_entries(bench, *frontend, bench.key(parameter(parameters, "key", "library:index")), ttl);
  check_invalidation(bench, ttl);
  const bool events = !parameter(parameters, "events", "").empty();
  if (events) check_events(bench);
  check_lock(bench, *frontend, bench.key(parameter(parameters, "lock-prefix", "lock:")) + "library:index",
             time_parameter(parameters, "lock-ttl", usual_lock));
  return fmt::format("entries for {} s, ETags, invalidation by pattern{}, a lock", ttl.count() / 1000,
                     events ? ", an expiry event" : "");
}

}  // namespace raibid
