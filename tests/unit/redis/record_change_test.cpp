#include <doctest/doctest.h>

#include "components/redis/run/record_change.hpp"

namespace raibid::record_change_test {

TEST_CASE("setup --diff: the record as the options that differ, or nothing") {
  Spec before;
  before.preset = "raibid";
  before.chosen["memory-limit"] = {"flag", {"1Gi"}};
  before.chosen["allow-from"] = {"flag", {"shop", "web"}};
  CHECK_FALSE(record_change(before, before));
  Spec after = before;
  after.chosen["memory-limit"].values = {"2Gi"};
  after.chosen.erase("allow-from");
  const auto change = record_change(before, after);
  REQUIRE(change);
  REQUIRE(change->values.size() == 2);
  CHECK(change->values[0].path == "--allow-from");
  CHECK(change->values[0].live == "shop,web");
  CHECK(change->values[0].wanted.empty());
  CHECK(change->values[1].wanted == "2Gi");
  Spec other = before;
  other.memory_limit = "768Mi";  // another default
  REQUIRE(record_change(before, other));
  CHECK(record_change(before, other)->values.front().path == "memory_limit");
}

}  // namespace raibid::record_change_test
