#include "base/error.hpp"
#include "tools/kubectl.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace raibid;
using nlohmann::json;

namespace {

const std::string indented = R"({
    "type": "ADDED",
    "object": {
        "metadata": {"name": "a}{\"]\\"},
        "status": {"conditions": [{"x": [1, 2]}]}
    }
}
)";
const std::string on_one_line = "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"\u00e9\"}}}\n";

}  // namespace

TEST_CASE("documents come out whole however they arrive") {
  const std::string stream = indented + on_one_line + "\n \t" + indented;
  for (std::size_t chunk = 1; chunk <= stream.size(); ++chunk) {
    WatchParser parser;
    std::string buffer;
    std::vector<json> all;
    for (std::size_t at = 0; at < stream.size(); at += chunk) {
      buffer += stream.substr(at, chunk);
      for (json& document : parser.take(buffer)) all.push_back(std::move(document));
    }
    REQUIRE(all.size() == 3);
    CHECK(all[0]["object"]["metadata"]["name"] == "a}{\"]\\");
    CHECK(all[1]["type"] == "MODIFIED");
    CHECK(all[2] == all[0]);
    CHECK(buffer.find_first_not_of(" \n\t") == std::string::npos);
  }
}

TEST_CASE("what is not complete stays for the next time") {
  WatchParser parser;
  std::string buffer = on_one_line + "{\"type\":";
  CHECK(parser.take(buffer).size() == 1);
  CHECK(buffer == "{\"type\":");
  CHECK(parser.take(buffer).empty());
  buffer += "\"DELETED\"}";
  const std::vector<json> rest = parser.take(buffer);
  REQUIRE(rest.size() == 1);
  CHECK(rest[0]["type"] == "DELETED");
  CHECK(buffer.empty());
}

TEST_CASE("anything else is an error") {
  for (const std::string text : {"NAME READY\n", "[]", "{\"a\":1}]", "{\"a\" 1}", "{]", "null", "{\"a\":1}x"}) {
    CAPTURE(text);
    WatchParser parser;
    std::string buffer = text;
    CHECK_THROWS_AS(parser.take(buffer), Error);
  }
}

TEST_CASE("a document without end is not collected for ever") {
  WatchParser parser;
  std::string buffer = "{\"a\":\"";
  const std::string more(1 << 20, 'x');
  int taken = 0;
  CHECK_THROWS_AS(
      [&] {
        for (; taken < 100; ++taken) {
          buffer += more;
          parser.take(buffer);
        }
      }(),
      Error);
  CHECK(taken == 15);

  WatchParser another;
  std::string whole = "{\"a\":\"" + std::string(17 << 20, 'x') + "\"}";
  CHECK_THROWS_AS(another.take(whole), Error);
}

TEST_CASE("deep nesting is refused: what copies such a document exhausts the stack") {
  const auto nested = [](std::size_t levels) {
    return "{\"a\":" + std::string(levels, '[') + std::string(levels, ']') + "}";
  };
  std::string deep = nested(1'000'000);
  CHECK_THROWS_AS(WatchParser().take(deep), Error);
  std::string usual = nested(100);
  CHECK(WatchParser().take(usual).size() == 1);
  std::string text =
      "{\"a\":\"" + std::string(1000, '[') + "\\\"" + std::string(1000, '{') + "\"}";  // brackets that are text
  CHECK(WatchParser().take(text).size() == 1);
}
