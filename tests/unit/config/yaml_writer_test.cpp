#include "config/yaml.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace raibid {

using nlohmann::ordered_json;

TEST_CASE("values are written as people write them") {
  ordered_json values;
  values["image"] = {{"repository", "docker.io/library/redis"}, {"tag", "8.2.1"}};
  values["auth"] = {{"enabled", true}, {"existingSecret", "raibid-redis"}};
  values["replicas"] = 1;
  values["ratio"] = 0.5;
  values["nothing"] = nullptr;
  values["none"] = ordered_json::array();
  values["empty"] = ordered_json::object();
  values["lines"] = "appendonly yes\nsave \"\"\n";
  values["rules"] = {{{"port", 6379}, {"from", {"a", "b"}}}, {"x", {{"z", 1}}}};
  values["nested"] = {{1, 2}, {3}};
  CHECK(to_yaml(values) ==
        "image:\n"
        "  repository: docker.io/library/redis\n"
        "  tag: \"8.2.1\"\n"
        "auth:\n"
        "  enabled: true\n"
        "  existingSecret: raibid-redis\n"
        "replicas: 1\n"
        "ratio: 0.5\n"
        "nothing: null\n"
        "none: []\n"
        "empty: {}\n"
        "lines: |\n"
        "  appendonly yes\n"
        "  save \"\"\n"
        "rules:\n"
        "  - port: 6379\n"
        "    from:\n"
        "      - a\n"
        "      - b\n"
        "  - - x\n"
        "    - z: 1\n"
        "nested:\n"
        "  - - 1\n"
        "    - 2\n"
        "  - - 3\n");
}

TEST_CASE("a text that YAML takes for something else is quoted") {
  for (const char* text : {"",
                           "yes",
                           "No",
                           "on",
                           "OFF",
                           "y",
                           "N",
                           "true",
                           "False",
                           "null",
                           "~",
                           "Null",
                           "08",
                           "010",
                           "1e3",
                           "1_000",
                           "0x1f",
                           "0o17",
                           "1.5",
                           ".5",
                           ".inf",
                           ".NaN",
                           "-.inf",
                           "-1",
                           "+1",
                           "12:30",
                           "1:2:3",
                           "2026-01-31",
                           "2026-01-31T09:08:07Z",
                           "-",
                           "- a",
                           "? a",
                           "a: b",
                           "a:",
                           "#c",
                           "a #b",
                           " a",
                           "a ",
                           "[a]",
                           "{a}",
                           "*a",
                           "&a",
                           "!a",
                           "|",
                           ">",
                           "'a'",
                           "\"a\"",
                           "%a",
                           "@a",
                           "`a",
                           ",a",
                           "a,b",
                           "<<",
                           "=",
                           "---",
                           "...",
                           "\t",
                           "a\tb",
                           "a\\b",
                           "größe",
                           "·",
                           "a\x01",
                           "\x7f",
                           "\xc2\x85",
                           "\xe2\x80\xa8",
                           "\xef\xbb\xbf"}) {
    CAPTURE(text);
    CHECK(to_yaml(ordered_json(text)).starts_with('"'));
  }
  for (const char* text : {"8Gi", "500m", "100Mi", "redis", "raibid-redis", "docker.io/library/redis:8", "a b", "k=v",
                           "/data", "user@host", "5m0s"}) {
    CAPTURE(text);
    CHECK(to_yaml(ordered_json(text)) == std::string(text) + '\n');
  }
}

TEST_CASE("what is written is read back as it was") {
  const std::vector<std::string> texts = {"",
                                          "yes",
                                          "08",
                                          "1e3",
                                          "null",
                                          "~",
                                          "a: b",
                                          "8Gi",
                                          "a\nb",
                                          "a\nb\n",
                                          "a\n\nb\n",
                                          "a\nb\n\n",
                                          "\na\n",
                                          "\n",
                                          " a\n b\n",
                                          "a\n  b\nc\n",
                                          "a \nb\n",
                                          "a\n\tb\n",
                                          "a\tb\nc",
                                          "a\r\nb",
                                          "# a\n- b\n",
                                          "---\n...\n",
                                          "\x01\x7f\n",
                                          "größe\nändern\n",
                                          "\xf0\x9f\x98\x80",
                                          "\xc2\x85",
                                          "\xe2\x80\xa8",
                                          "a\n \nb",
                                          "|",
                                          "a\n",
                                          "'",
                                          "\"\\\n",
                                          "<<",
                                          "%d\n%d",
                                          "\xef\xbb\xbf",
                                          "1_000"};
  for (const std::string& text : texts) {
    CAPTURE(text);
    CHECK(parse_yaml(to_yaml(text), "text") == ordered_json(text));
    const ordered_json nested = {
        {"list", {text, {{"key", text}, {"after", 1}}}}, {"key " + text, text}, {"last", text}};
    CHECK(parse_yaml(to_yaml(nested), "nested") == nested);
  }
  for (const ordered_json& value :
       {ordered_json(0), ordered_json(-1), ordered_json(1e300), ordered_json(0.1), ordered_json(true),
        ordered_json(nullptr), ordered_json(18446744073709551615U), ordered_json::array(), ordered_json::object()}) {
    CAPTURE(value);
    CHECK(parse_yaml(to_yaml(value), "value") == value);
  }
}

TEST_CASE("what a reader could take for a line end or drop is escaped") {
  CHECK(to_yaml(ordered_json("\xe2\x80\xa8")) == "\"\\u2028\"\n");
  CHECK(to_yaml(ordered_json("\xc2\x85")) == "\"\\x85\"\n");
  CHECK(to_yaml(ordered_json("\xef\xbb\xbf")) == "\"\\ufeff\"\n");
  CHECK(to_yaml(ordered_json("\x7f\t\n")) == "\"\\x7f\\t\\n\"\n");
}

TEST_CASE("bytes that are not UTF-8 do not make the output unreadable") {
  CHECK(parse_yaml(to_yaml(ordered_json("a\xff")), "text") == ordered_json("a\xef\xbf\xbd"));
}

}  // namespace raibid
