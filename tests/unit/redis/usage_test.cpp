#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <filesystem>

#include "base/change_guard.hpp"
#include "components/redis/place/kubernetes/storage_kubernetes.hpp"
#include "components/redis/place/storage.hpp"
#include "components/redis/server/usage.hpp"
#include "sys/files.hpp"

namespace raibid::usage_test {

using nlohmann::json;

constexpr std::int64_t hour = 3600;
constexpr std::int64_t day = 24 * hour;
constexpr std::int64_t now = 1'769'850'487;
constexpr std::int64_t mib = 1 << 20;

std::optional<std::int64_t> memory_of(const UsageSample& sample) { return sample.memory; }

TEST_CASE("usage: growth is since the oldest look of the last day, and needs half an hour") {
  const UsageSample present{now, 100 * mib};
  CHECK_FALSE(growth_of({}, present, memory_of));
  CHECK_FALSE(growth_of({{now - 60, 10 * mib}}, present, memory_of));
  const auto growth =
      growth_of({{now - 3 * day, 1}, {now - 20 * hour, 40 * mib}, {now - hour, 90 * mib}}, present, memory_of);
  REQUIRE(growth);
  CHECK(growth->amount == 60 * mib);
  CHECK(growth->seconds == 20 * hour);
  const auto older =
      growth_of({{now - 3 * day, 70 * mib}, {now - 2 * day, 40 * mib}, {now - 60, 99 * mib}}, present, memory_of);
  REQUIRE(older);
  CHECK(older->amount == 60 * mib);
  CHECK(older->seconds == 2 * day);
}

TEST_CASE("usage: the time that is left at a rate, in words") {
  CHECK_FALSE(seconds_left({}, 100));
  CHECK_FALSE(seconds_left(Growth{0, hour}, 100));
  CHECK_FALSE(seconds_left(Growth{-5, hour}, 100));
  CHECK(seconds_left(Growth{50, hour}, 100) == 2 * hour);
  CHECK(seconds_left(Growth{50, hour}, -1) == 0);
  CHECK(rough_time(59) == "0 min");
  CHECK(rough_time(90 * 60) == "90 min");
  CHECK(rough_time(5 * hour) == "5 h");
  CHECK(rough_time(12 * day) == "12 days");
  CHECK(rough_time(100'000 * day) == "more than 1000 days");
  CHECK(growth_text({120 * mib, 3 * hour}) == "+120 MiB in 3 h");
  CHECK(growth_text({-120 * mib, 3 * hour}) == "-120 MiB in 3 h");
  CHECK(growth_text({300, 3 * hour}) == "no growth in 3 h");
}

TEST_CASE("usage: the history keeps a sample in half an hour for seven days, and a damaged file counts as no history") {
  const TemporaryDirectory home(std::filesystem::temp_directory_path());
  const ChangeGuard guard(false);
  const Files files(guard);
  UsageHistory(files, home.path(), "one").add({now, 1, 0, {{"claim", 5}}});
  UsageHistory(files, home.path(), "one").add({now + 60, 2});
  UsageHistory(files, home.path(), "one").add({now + hour, 3});
  const UsageHistory kept(files, home.path(), "one");
  REQUIRE(kept.samples().size() == 2);
  CHECK(kept.samples()[0].storage.at("claim") == 5);
  CHECK(kept.samples()[1].memory == 3);
  CHECK(UsageHistory(files, home.path(), "other").samples().empty());
  UsageHistory(files, home.path(), "one").add({now + 8 * day, 4});
  CHECK(UsageHistory(files, home.path(), "one").samples().size() == 1);
  UsageHistory(files, home.path(), "one").add({now, 5});  // the clock was put back
  REQUIRE(UsageHistory(files, home.path(), "one").samples().size() == 1);
  CHECK(UsageHistory(files, home.path(), "one").samples()[0].memory == 5);
  for (const auto& entry : std::filesystem::directory_iterator(home.path() / "usage"))
    write_atomic(entry.path(),
                 "{\"at\": \"x\"}\n[[[\n\n{\"at\": -1}\n{\"at\":5,\"memory\":7,\"storage\":{\"a\":\"b\"}}\n");
  const UsageHistory damaged(files, home.path(), "one");
  REQUIRE(damaged.samples().size() == 1);
  CHECK(damaged.samples()[0].memory == 7);
}

TEST_CASE("usage: a claim in the kubelet's summary") {
  const json summary = {{"node", {{"nodeName", "node1"}}},
                        {"pods",
                         {{{"podRef", {{"name", "redis-0"}, {"namespace", "jobs"}}},
                           {"volume",
                            {{{"name", "config"}, {"usedBytes", 1}, {"capacityBytes", 2}, {"availableBytes", 1}},
                             {{"name", "redis-data"},
                              {"usedBytes", 3 * mib},
                              {"availableBytes", 5 * mib},
                              {"capacityBytes", 8 * mib},
                              {"pvcRef", {{"name", "redis-data-0"}, {"namespace", "jobs"}}}}}}},
                          {{"podRef", {{"name", "no-volumes"}}}}}}};
  const auto found = storage_in_summary(summary, "jobs", "redis-data-0");
  REQUIRE(found);
  CHECK(found->used == 3 * mib);
  CHECK(found->free == 5 * mib);
  CHECK_FALSE(found->shared);
  CHECK_FALSE(storage_in_summary(summary, "other", "redis-data-0"));
  CHECK_FALSE(storage_in_summary(json(), "jobs", "redis-data-0"));
}

TEST_CASE("usage: what df and du print, of GNU and of busybox") {
  const std::string gnu =
      "Filesystem     1024-blocks     Used Available Capacity Mounted on\n"
      "/dev/vda          51475068 20480000  28350152      42% /data\n8192\t/data\n";
  const auto shared = storage_of_df(gnu, "claim", 8LL << 30);
  REQUIRE(shared);
  CHECK(shared->used == 8192 * 1024);
  CHECK(shared->free == 28350152LL * 1024);
  CHECK(shared->shared);
  const auto own = storage_of_df(gnu, "claim", 50LL << 30);
  REQUIRE(own);
  CHECK_FALSE(own->shared);
  CHECK_FALSE(storage_of_df("", "claim", 0));
  CHECK_FALSE(storage_of_df("sh: df: not found\n", "claim", 0));
  CHECK_FALSE(storage_of_df("a b c d e f\na b c d e f\nx y\n", "claim", 0));
}

TEST_CASE("usage: what pods said is known for a minute, unless room is short") {
  const TemporaryDirectory home(std::filesystem::temp_directory_path());
  const ChangeGuard guard(false);
  const Files files(guard);
  const std::filesystem::path file = usage_file(home.path(), "one", ".storage.json");
  const WallTime seen = WallTime(std::chrono::seconds(1'800'000'000));
  const std::vector<std::string> places = {"claim-0", "claim-1"};
  const Storage roomy{"claim-0", 3 * mib, 500 * mib, 1000 * mib, true, Storage::From::pod};
  Storage other = roomy;
  other.place = "claim-1";
  CHECK(remembered_storage(file, seen, places).empty());
  remember_storage(files, file, seen, {roomy, other});
  const auto again = remembered_storage(file, seen + std::chrono::seconds(59), places);
  REQUIRE(again.size() == 2);
  CHECK(again[1].place == "claim-1");
  CHECK(again[1].used == 3 * mib);
  CHECK(again[1].free == 500 * mib);
  CHECK(again[1].capacity == 1000 * mib);
  CHECK(again[1].shared);
  CHECK(remembered_storage(file, seen + std::chrono::seconds(60), places).empty());
  CHECK(remembered_storage(file, seen - std::chrono::seconds(1), places).empty());  // the clock was put back
  CHECK(remembered_storage(file, seen, {"claim-0", "claim-2"}).empty());
  remember_storage(files, file, seen, {});
  CHECK(remembered_storage(file, seen, places).empty());
  Storage full = roomy;
  full.free = mib;
  const std::filesystem::path short_of_room = usage_file(home.path(), "two", ".storage.json");
  remember_storage(files, short_of_room, seen, {full});
  CHECK(remembered_storage(short_of_room, seen, {"claim-0"}).empty());
}

/// The only check that a storage gives.
Check check_of(Storage storage) {
  HealthReport report;
  examine_storage({std::move(storage)}, report);
  REQUIRE(report.checks().size() == 1);
  return report.checks().front();
}

TEST_CASE("usage: storage is red when it is full, yellow when it soon will be") {
  const Storage roomy{"claim", 1000 * mib, 7000 * mib, 8000 * mib, false, Storage::From::kubelet};
  const Check fine = check_of(roomy);
  CHECK(fine.passed);
  CHECK_FALSE(fine.warning);
  CHECK(fine.text == "1000 MiB of 7.8 GiB used, 6.8 GiB free");

  Storage full = roomy;
  full.free = 500 * mib;
  CHECK_FALSE(check_of(full).passed);
  CHECK(check_of(full).reason == CheckReason::full);

  Storage filling = roomy;
  filling.growth = Growth{2000 * mib, day};
  CHECK(check_of(filling).passed);
  CHECK(check_of(filling).warning);
  CHECK(check_of(filling).reason == CheckReason::filling);
  CHECK(check_of(filling).text.ends_with("+2.0 GiB in 24 h: full in 3 days at this rate"));
  filling.growth = Growth{100 * mib, day};
  CHECK_FALSE(check_of(filling).warning);

  // a disk of others: that it is rather full is no reason to call this Redis unhealthy
  Storage disk{"claim", 100 * mib, 500 * mib, 80'000 * mib, true, Storage::From::pod};
  CHECK(check_of(disk).passed);
  CHECK(check_of(disk).warning);
  disk.free = 90 * mib;
  CHECK_FALSE(check_of(disk).passed);
  const json data = json::parse(storage_data({filling}).dump());
  CHECK(data[0].at("seconds_left") == 70 * day);
  CHECK(data[0].at("from") == "kubelet");
}

/// The check of that name among those of a Redis.
Check redis_check(const RedisFacts& facts, const std::string& name) {
  HealthReport report;
  examine_redis(facts, report);
  for (const Check& check : report.checks()) {
    if (check.name == name) return check;
  }
  FAIL("no check " << name);
  return {};
}

TEST_CASE("usage: memory and slow log turn yellow as docs/status.md says") {
  RedisFacts facts;
  facts.asked = facts.pong = true;
  facts.persistence = RedisFacts::Persistence{"yes", "everysec", "ok", "ok", "ok", {}};
  facts.memory = RedisFacts::Memory{50 * mib, 100 * mib, "noeviction", 0, 60 * mib};
  facts.memory_growth = Growth{10 * mib, hour};
  CHECK_FALSE(redis_check(facts, "memory").warning);
  CHECK(redis_check(facts, "memory").text ==
        "50 MiB of 100 MiB, noeviction, +10 MiB in 60 min: full in 5 h at this rate");
  facts.memory_growth = Growth{60 * mib, hour};
  CHECK(redis_check(facts, "memory").reason == CheckReason::filling);
  facts.memory_growth.reset();
  facts.memory->used = 95 * mib;
  CHECK(redis_check(facts, "memory").warning);
  facts.memory->policy = "allkeys-lru";  // a cache is meant to be full
  CHECK_FALSE(redis_check(facts, "memory").warning);
  facts.has_streams = true;
  facts.evictions = Growth{3, hour};
  CHECK(redis_check(facts, "memory").reason == CheckReason::evicts);
  facts.memory->used = 100 * mib;
  CHECK_FALSE(redis_check(facts, "memory").passed);

  facts.slow_log = RedisFacts::SlowLog{};
  CHECK(redis_check(facts, "slow log").text == "empty");
  facts.slow_log = RedisFacts::SlowLog{2, "KEYS", 1'500'000, now - 600, now};
  CHECK(redis_check(facts, "slow log").warning);
  CHECK(redis_check(facts, "slow log").text == "2 commands, the slowest KEYS with 1500 ms, 10 min ago");
  facts.slow_log->at = now - 2 * hour;
  CHECK_FALSE(redis_check(facts, "slow log").warning);
  facts.slow_log->at = now;
  facts.slow_log->microseconds = 20'000;
  CHECK_FALSE(redis_check(facts, "slow log").warning);
}

}  // namespace raibid::usage_test
