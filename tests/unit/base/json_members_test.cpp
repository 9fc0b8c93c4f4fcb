#include "base/json_members.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace raibid;

TEST_CASE("the members of a JSON object are found without parsing their values") {
  const std::string text =
      R"( {"name" : "a\"}\\", "chart":{"name":"inner","files":[{"data":"}]\"{"},[]]}, "version": 12 ,"none":null,"name":"last"} )";
  const auto members = json_members(text);
  REQUIRE(members);
  CHECK(members->size() == 4);
  CHECK(members->at("name") == "\"last\"");
  CHECK(members->at("chart") == R"({"name":"inner","files":[{"data":"}]\"{"},[]]})");
  CHECK(members->at("version").substr(0, 2) == "12");
  CHECK(members->at("none") == "null");
  CHECK(json_members("{}"));
  CHECK(json_members(" { } ")->empty());
}

TEST_CASE("a JSON object that is not whole has no members") {
  for (const char* const text :
       {"", "[]", "null", "{", R"({"a")", R"({"a":)", R"({"a":})", R"({"a":1)", R"({"a":"b)", R"({"a":"b\"})",
        R"({"a":{"b":1})", R"({"a":1} x)", R"({"a":1,})", R"({a:1})", R"({"a" 1})", R"({"a":[1)", R"({"a":1]})"})
    CHECK_FALSE_MESSAGE(json_members(text), text);
}

TEST_CASE("members of a deeply nested JSON object are passed over without a stack") {
  const std::string deep = "{\"a\":" + std::string(1'000'000, '[') + std::string(1'000'000, ']') + ",\"b\":2}";
  const auto members = json_members(deep);
  REQUIRE(members);
  CHECK(members->at("b") == "2");
}
