#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "components/redis/run/setup_diff.hpp"
#include "support/json_schema.hpp"

namespace raibid::setup_diff_test {

using nlohmann::json;
using Lines = std::vector<std::string>;

TEST_CASE("setup --diff: the leaves in which two trees differ") {
  const json live = {{"a", {{"b", 1}, {"gone", "x"}}}, {"list", {1, 2}}, {"same", true}, {"grown", {1}}};
  const json wanted = {{"a", {{"b", 2}, {"new", {{"c", "y"}}}}}, {"list", {1, 3}}, {"same", true}, {"grown", {1, 2}}};
  std::map<std::string, std::string> found;
  for (const ValueChange& change : value_changes(live, wanted))
    found[change.path] = change.live + " → " + change.wanted;
  const std::map<std::string, std::string> expected = {{"a.b", "1 → 2"},
                                                       {"a.gone", "x → "},
                                                       {"a.new", " → {\"c\":\"y\"}"},
                                                       {"list[1]", "2 → 3"},
                                                       {"grown", "[1] → [1,2]"}};
  CHECK(found == expected);
  CHECK(value_changes(live, live).empty());
}

TEST_CASE("setup --diff: the lines in which two texts differ, with those beside them") {
  CHECK(line_changes("a\nb\nc\nd\ne\n", "a\nb\nx\nd\ne\n") == Lines{" b", "-c", "+x", " d"});
  CHECK(line_changes("a\n", "a\nb\n") == Lines{" a", "+b"});
  CHECK(line_changes("a\nb\n", "b\n") == Lines{"-a", " b"});
  CHECK(line_changes("", "a\n") == Lines{"+a"});
  CHECK(line_changes("a\n", "a\n").empty());
  std::string many;
  for (int i = 0; i < 3000; ++i) many += std::to_string(i) + "\n";
  CHECK(line_changes(many, "a\n").size() == 1);
}

TEST_CASE("setup --diff: its text has a sign for each, and colours only when asked; its data have a schema") {
  SetupDiff diff;
  CHECK(diff_text(diff, true) == "Nothing would change.\n");
  CHECK(diff_data(diff).at("changed") == false);
  diff.values.push_back({"master.size", "8Gi", "16Gi"});
  diff.objects.push_back({ObjectChange::What::created, "Service", "queue"});
  diff.objects.push_back({ObjectChange::What::removed, "CronJob", "trim"});
  diff.objects.push_back({ObjectChange::What::changed, "Secret", "redis", {{"data", "***", "*** (changed)"}}});
  diff.objects.push_back({ObjectChange::What::changed, "ConfigMap", "conf", {}, {"-maxmemory 1", "+maxmemory 2"}});
  const std::string text = diff_text(diff, false);
  CHECK(text ==
        "Values for helm:\n    master.size\n      - 8Gi\n      + 16Gi\n"
        "+ Service queue (created)\n- CronJob trim (removed)\n~ Secret redis\n    data\n      - ***\n"
        "      + *** (changed)\n~ ConfigMap conf\n    -maxmemory 1\n    +maxmemory 2\n");
  const std::string colored = diff_text(diff, true);
  CHECK(colored.find("\x1b[32m+ Service queue (created)\x1b[0m\n") != std::string::npos);
  CHECK(colored.find("\x1b[31m    -maxmemory 1\x1b[0m\n") != std::string::npos);
  CHECK(colored.find("\x1b[33m~ Secret redis\x1b[0m\n") != std::string::npos);
  CHECK(test::schema_problem("setup", json::parse(diff_data(diff).dump())) == "");
}

}  // namespace raibid::setup_diff_test
