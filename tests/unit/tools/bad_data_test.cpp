// What kubectl, helm or Redis should never say: each parser takes it or refuses it with an Error, whatever it is.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "components/redis/settings/spec.hpp"
#include "tools/helm.hpp"
#include "tools/kubectl.hpp"
#include "tools/redis_client.hpp"

namespace raibid::bad_data_test {

namespace {

const Command command = {{"kubectl", "--context", "k3s", "-n", "apps", "get", "pods"}, "", {}};

std::string repeated(const std::string& text, std::size_t size) {
  std::string all;
  while (all.size() < size) all += text;
  return all;
}

struct Parser {
  const char* name;
  std::function<void(const std::string&)> parse;
};

const std::vector<Parser> parsers = {
    {"items",
     [](const std::string& text) {
       Kubectl::parse_items(command, {0, text, "", false});
     }},
    {"version",
     [](const std::string& text) {
       Kubectl::parse_version(command, {0, text, "", false});
     }},
    {"release records",
     [](const std::string& text) {
       Kubectl::parse_release_records(command, {0, text, "", false});
     }},
    {"rights",
     [](const std::string& text) {
       Kubectl::parse_refused({{"get", "", "pods", ""}}, command, {0, text, "", false});
     }},
    {"config view",
     [](const std::string& text) {
       Kubectl::parse_config_view({0, text, "", false}, "", "");
     }},
    {"explain",
     [](const std::string& text) {
       Kubectl::explain(command, {1, "", text, false});
     }},
    {"watch",
     [](std::string text) {
       WatchParser parser;
       parser.take(text);
     }},
    {"helm version",
     [](const std::string& text) {
       Helm::parse_version(command, {0, text, "", false});
     }},
    {"helm revision",
     [](const std::string& text) {
       Helm::parse_revision(command, {0, text, "", false});
     }},
    {"helm explain",
     [](const std::string& text) {
       Helm::explain(command, {1, "", text, false});
     }},
    {"INFO", [](const std::string& text) { parse_info(text); }},
    {"spec", [](const std::string& text) { parse_spec(text); }},
};

}  // namespace

TEST_CASE(
    "bad data: a quarter of a million levels, a line without end, NUL bytes and bytes that are not UTF-8 do no harm") {
  constexpr std::size_t large = 1 << 18;
  const std::vector<std::pair<const char*, std::string>> texts = {
      {"arrays in arrays", repeated("[", large)},
      {"objects in objects", repeated(R"({"items":)", large)},
      {"closed arrays", repeated("[", large) + repeated("]", large)},
      {"items of items", R"({"items":)" + repeated("[", large) + repeated("]", large) + "}"},
      {"one line", repeated("x", 8 * large)},
      {"one string", "\"" + repeated("x", 8 * large) + "\""},
      {"one number", repeated("9", large)},
      {"many documents", repeated("{} ", large)},
      {"nothing but NUL", std::string(large, '\0')},
      {"NUL in a string", std::string("{\"items\":[\"\0\"]}", 15)},
      {"no UTF-8", repeated("\xff\xfe{\"\xc3\x28\"", large)},
      {"half a character", "{\"items\":[{\"kind\":\"\xe2\x82\"}]}"},
      {"other types", R"({"items":{"a":[1,2]},"kind":7,"clientVersion":[],"contexts":"none"})"},
  };
  for (const Parser& parser : parsers) {
    for (const auto& text : texts) {
      INFO(std::string(parser.name) << " reads " << text.first);
      try {
        parser.parse(text.second);
      } catch (const Error& error) {
        CHECK(error.message().size() < 4096);
      }
    }
  }
}

}  // namespace raibid::bad_data_test
