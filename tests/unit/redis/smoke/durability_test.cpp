#include "components/redis/commands/smoke/durability.hpp"

#include <doctest/doctest.h>

using namespace raibid;
using namespace std::chrono_literals;

TEST_CASE("what a crash may cost, by the settings") {
  CHECK(durability_policy("yes", "always", "")->may_lose == 0s);
  CHECK(durability_policy("yes", "everysec", "900 1")->may_lose == 2s);
  CHECK(durability_policy("yes", "no", "")->may_lose == 30s);
  CHECK(durability_policy("no", "everysec", "900 1 300 10 60 10000")->may_lose == 900s);
  CHECK(durability_policy("no", "everysec", "60 10000")->text == "snapshots");
  CHECK_FALSE(durability_policy("no", "everysec", ""));
}

TEST_CASE("what survived, in numbers: only acknowledged writes count, and the oldest that is lost decides") {
  const TimePoint start{};
  const std::vector<TimePoint> acknowledged = {start, start + 1s, start + 2s, start + 3s};
  const TimePoint crash = start + 3500ms;
  const DurabilityPolicy everysec = *durability_policy("yes", "everysec", "");
  const Durability all = judge_durability(everysec, acknowledged, {0, 1, 2, 3, 4}, crash, crash + 700ms);
  CHECK(all.acknowledged == 4);
  CHECK(all.survived == 4);  // 4 was written and not acknowledged
  CHECK(all.lost == 0);
  CHECK(all.answered_after == 700ms);
  CHECK(all.holds());
  const Durability tail = judge_durability(everysec, acknowledged, {0, 1}, crash, crash);
  CHECK(tail.lost == 2);
  CHECK(*tail.oldest_lost == 1500ms);
  CHECK(tail.holds());
  const Durability hole = judge_durability(everysec, acknowledged, {0, 2, 3}, crash, crash);
  CHECK(hole.lost == 1);
  CHECK(*hole.oldest_lost == 2500ms);
  CHECK_FALSE(hole.holds());
  CHECK_FALSE(judge_durability(*durability_policy("yes", "always", ""), acknowledged, {0, 1, 2}, crash, crash).holds());
  CHECK(judge_durability(everysec, {}, {}, crash, crash).holds());
}
