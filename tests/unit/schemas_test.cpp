// docs/schemas: each command that writes JSON has a schema, and each word that a schema allows is one that we write.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "base/strings.hpp"
#include "cli/command_table.hpp"
#include "components/redis/server/check_reason.hpp"
#include "components/redis/server/health.hpp"
#include "components/registry.hpp"
#include "support/json_schema.hpp"

namespace raibid::schemas_test {

namespace fs = std::filesystem;
using nlohmann::json;

std::map<std::string, json> schemas() {
  std::map<std::string, json> all;
  for (const auto& entry : fs::directory_iterator(fs::path(RAIBID_SOURCE_DIR) / "docs" / "schemas")) {
    std::ifstream stream(entry.path());
    all[entry.path().stem().string()] = json::parse(stream);
  }
  return all;
}

/// What writes no object of its own: files for others, another program's output, one job a line, or nothing.
bool writes_no_object(const CommandRow& row) {
  static const std::set<std::string> names = {"connect redis", "logs redis", "queue tail", "queue export",
                                              "completion",    "man-pages",  "help",       "presets show"};
  return row.verb == "export" || names.contains(row.name()) || names.contains(row.verb);
}

TEST_CASE("schemas: each command that writes JSON has one, whose title names the command") {
  const CommandTable table(components());
  std::set<std::string> titles;
  for (const auto& [name, schema] : schemas()) {
    CAPTURE(name);
    CHECK(schema.at("$schema") == "https://json-schema.org/draft/2020-12/schema");
    CHECK_FALSE(schema.at("description").get<std::string>().empty());
    for (const std::string& title : split(schema.at("title").get<std::string>(), ','))
      titles.insert(std::string(trim(title)));
  }
  CHECK(titles.erase("raibid-cli") == 1);  // what each of them writes when it fails
  for (const CommandRow& row : table.rows()) {
    CAPTURE(row.name());
    CHECK(titles.contains(row.name()) != writes_no_object(row));
    titles.erase(row.name());
  }
  CHECK_MESSAGE(titles.empty(), "titles that are no commands: ", titles.empty() ? "" : *titles.begin());
}

TEST_CASE("schemas: a check's reason is one of the words that the program has") {
  const json words = schemas().at("status").at("$defs").at("check").at("properties").at("reason");
  const json& allowed = words.at("anyOf").at(0).at("enum");
  json all = json::array();
  for (const std::string_view word : reason_words()) all.push_back(word);
  CHECK(allowed == all);
  CHECK(std::is_sorted(all.begin(), all.end()));
  CHECK(reason_word(CheckReason::none).empty());
  CHECK(reason_word(CheckReason::being_deleted) == "BeingDeleted");
  CHECK(reason_word(CheckReason::not_permitted) == "NotPermitted");
  CHECK(reason_word(CheckReason::write_failed) == "WriteFailed");
}

TEST_CASE("schemas: a check has an id, its object and a reason unless it passed") {
  HealthReport report;
  report.add({"cluster mode", true, "fine"});
  report.add({.name = "pod", .text = "gone", .hint = "look", .object = "redis-0"}, CheckReason::missing);
  report.add({"eviction", true, "unknown", "", true});
  report.add({.name = "service", .text = "service/x is being deleted", .object = "service/x", .word = "deletion"},
             CheckReason::being_deleted);
  const json checks = json::parse(report_data(report).dump()).at("checks");
  CHECK(checks[0].at("id") == "cluster-mode");
  CHECK(checks[0].at("reason").is_null());
  CHECK(checks[0].at("object").is_null());
  CHECK(checks[1].at("reason") == "Missing");
  CHECK(checks[1].at("object") == "redis-0");
  CHECK(checks[2].at("passed").is_null());
  CHECK(checks[2].at("reason") == "NotPermitted");
  CHECK(checks[3].at("id") == "deletion");
  for (const json& check : checks) {
    const json status = {{"healthy", false}, {"release", {{"name", "r"}}}, {"checks", {check}}};
    CHECK(test::schema_problem("status", status) == "");
  }
  json wrong = checks[1];
  wrong["reason"] = "Tired";
  const json status = {{"healthy", false}, {"release", {{"name", "r"}}}, {"checks", {wrong}}};
  CHECK(test::schema_problem("status", status).find("checks[0].reason is \"Tired\"") != std::string::npos);
}

}  // namespace raibid::schemas_test
