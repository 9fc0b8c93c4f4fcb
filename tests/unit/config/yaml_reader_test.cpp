#include "config/yaml.hpp"

#include "support/errors.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cmath>
#include <string>
#include <string_view>

namespace raibid::yaml_reader_test {

using nlohmann::ordered_json;

namespace {

std::string refusal(std::string_view text) {
  ExitCode code = ExitCode::ok;
  const std::string message = tests::message_of([&] { parse_yaml(text, "values.yaml"); }, &code);
  if (!message.empty()) CHECK(code == ExitCode::usage);
  return message;
}

std::string repeated(std::string_view text, std::size_t bytes = 1 << 20) {
  std::string all;
  while (all.size() + text.size() <= bytes) all += text;
  return all;
}

}  // namespace

TEST_CASE("plain scalars get the types that Helm gives them") {
  const auto read = [](std::string_view text) { return parse_yaml(text, "text"); };
  CHECK(read("12") == 12);
  CHECK(read("-12") == -12);
  CHECK(read("010") == 8);
  CHECK(read("0x1F") == 31);
  CHECK(read("0o17") == 15);
  CHECK(read("08") == 8.0);
  CHECK(read("1e3") == 1000.0);
  CHECK(read("18446744073709551615") == 18446744073709551615U);
  CHECK(read("-9223372036854775808") == std::numeric_limits<std::int64_t>::min());
  CHECK(read("18446744073709551616") == 18446744073709551616.0);
  CHECK(read(".5") == 0.5);
  CHECK(std::isinf(read("-.inf").get<double>()));
  CHECK(std::isnan(read(".NaN").get<double>()));
  CHECK(read("True") == true);
  CHECK(read("no") == false);
  CHECK(read("y") == true);
  CHECK(read("1_000") == 1000);
  CHECK(read("~") == nullptr);
  CHECK(read("") == nullptr);
  for (const char* text :
       {"8Gi", "1.2.3", "-", "+", ".", "e3", "1e", "--1", "0x", "0xg", "nan", "inf", "_1", "1-2", "-+1", "0x-1"}) {
    CAPTURE(text);
    if (std::string_view(text) != "-") CHECK(read(text) == text);
  }
  CHECK(read("'12'") == "12");
  CHECK(read("\"true\"") == "true");
  CHECK(read("!!str 12") == "12");
}

TEST_CASE("documents keep the order of their keys") {
  CHECK(parse_yaml("b: 1\na: {d: [], c: }\n", "text").dump() == R"({"b":1,"a":{"d":[],"c":null}})");
  CHECK(parse_yaml("\xef\xbb\xbf"
                   "a: 1\r\nb: |\r\n  x\r\n",
                   "text")
            .dump() == R"({"a":1,"b":"x\n"})");
}

TEST_CASE("anchors and merge keys") {
  CHECK(parse_yaml("a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\nc: *x\n", "t").dump() ==
        R"({"a":{"k":1,"l":2},"b":{"k":3,"l":2},"c":{"k":1,"l":2}})");
  CHECK(parse_yaml("- &x {k: 1}\n- &y {k: 2, m: 5}\n- <<: [*x, *y]\n", "t").dump() ==
        R"([{"k":1},{"k":2,"m":5},{"k":1,"m":5}])");
  CHECK(parse_yaml("'<<': 1", "t").dump() == R"({"<<":1})");
  CHECK(refusal("a: 1\n<<: 2\n") == "values.yaml:2: << takes a mapping");
}

TEST_CASE("mistakes are told with file and line") {
  CHECK(refusal("a: 1\nb: 2\na: 3\n") == "values.yaml:3: \"a\" is given twice, first on line 1");
  CHECK(refusal("a:\n  b: [1, 2\n").starts_with("values.yaml:3: not YAML: "));
  CHECK(refusal("a: \"b\nc: 1\n").starts_with("values.yaml:3: not YAML: "));
  CHECK(refusal("a: 'b\n\n").starts_with("values.yaml:3: not YAML: "));
  CHECK(refusal("a: 1\n  b: 2\n").starts_with("values.yaml:2: not YAML: "));
  CHECK(refusal("a: *b\n").starts_with("values.yaml:1: not YAML: "));
  CHECK(refusal("a: 1\n---\nb: 2\n") == "values.yaml:2: a second document (---): only one is read");
  CHECK(refusal("a: 1\n? [b]\n: 2\n") == "values.yaml:2: a key that is a list");
  CHECK(refusal("~: 2\n") == "values.yaml:1: a key that is nothing");
  CHECK(refusal("a: !cool 1\n") == "values.yaml:1: the tag !cool is not known");
  CHECK(refusal("a: !!binary AAAA\n") == "values.yaml:1: the tag tag:yaml.org,2002:binary is not known");
}

TEST_CASE("what is not text is refused where it is") {
  CHECK(refusal(std::string_view("a: 1\nb: \0c\n", 11)) == "values.yaml:2: not a text file (control character U+0000)");
  CHECK(refusal("a: 1\nb\x04: 2") == "values.yaml:2: not a text file (control character U+0004)");
  CHECK(refusal("a: \x1b[31m") == "values.yaml:1: not a text file (control character U+001B)");
  CHECK(refusal("\xff\xfe"
                "a") == "values.yaml:1: not UTF-8 text (byte 0xff)");
  CHECK(refusal("a: 1\nb: caf\xe9\n") == "values.yaml:2: not UTF-8 text (byte 0xe9)");
  CHECK(refusal("a: \xed\xa0\x80") == "values.yaml:1: not UTF-8 text (byte 0xed)");
  CHECK(refusal("a: \xc0\xaf") == "values.yaml:1: not UTF-8 text (byte 0xc0)");
  CHECK(refusal(repeated("#", (1 << 20) + 1)) == "values.yaml: larger than 1 MiB, which no file of settings is");
}

TEST_CASE("an alias cannot blow a document up") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 1; j < 10; ++j) bomb += ", " + before;
    bomb += "]\n";
  }
  CHECK(refusal(bomb).ends_with("more than 100000 values"));
  CHECK(refusal("a: &a [b, *a]\n") == "values.yaml:1: an alias inside of what it stands for");
  CHECK(refusal("a: &a " + repeated("x", 500'000) + "\nb: [" + repeated("*a, ", 20'000) + "]\n") ==
        "values.yaml:2: more than 100000 values");

  std::string tower = "a0: &a0 []\n";
  for (int i = 1; i < 70; ++i)
    tower += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
  CHECK(refusal(tower) == "values.yaml:64: nested more than 64 deep");
}

TEST_CASE("files made to be slow are refused at once") {
  const auto started = std::chrono::steady_clock::now();
  for (const std::string deep : {"[", "{", "[{", "- ", "? ", ": ", "[\n", "a: [[[[[[\n", "'a': [", "[a: "}) {
    CAPTURE(deep);
    const std::string message = refusal(repeated(deep));
    CHECK(message != "");
    if (deep != ": ") CHECK(message.find("nested more than 64 deep") != std::string::npos);
  }
  for (const std::string wide : {"- a\n", "a,", "k: {a: 1, b: 2}\n"}) {
    CAPTURE(wide);
    CHECK(refusal((wide == "a," ? "[" : "") + repeated(wide, (1 << 20) - 1)) != "");
  }
  std::string stairs;
  for (std::size_t i = 0; i < 1000; ++i) stairs += std::string(i, ' ') + "a:\n";
  CHECK(refusal(stairs) == "values.yaml:65: nested more than 64 deep");
  // several seconds and hundreds of megabytes without the checks; a generous limit, as other work shares the machine
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(20));
}

TEST_CASE("brackets that are text do not count") {
  const std::string brackets(200, '[');
  CHECK(parse_yaml("a: \"" + brackets + "\"\n", "t")["a"] == brackets);
  CHECK(parse_yaml("a: '" + brackets + "''\n  '\n", "t")["a"] == brackets + "' ");
  CHECK(parse_yaml("a: x" + brackets + "\n", "t")["a"] == "x" + brackets);
  CHECK(parse_yaml("# " + brackets + "\na: 1 # " + brackets + "\n", "t")["a"] == 1);
  CHECK(parse_yaml("a: |\n  " + brackets + "\n\n  " + brackets + "\nb: 1\n", "t")["b"] == 1);
  CHECK(parse_yaml("- a: >- # folded\n    " + brackets + "\n  b: 1\n", "t")[0]["b"] == 1);
  CHECK(parse_yaml("- |2\n  " + brackets + "\n- 1\n", "t")[1] == 1);
  // where a block scalar ends, brackets count again
  CHECK(refusal("- a: |\n    x\n  b: " + brackets) == "values.yaml:3: nested more than 64 deep");
  CHECK(refusal("a: \"\\\"[\" \nb: " + brackets) == "values.yaml:2: nested more than 64 deep");
  CHECK(parse_yaml(std::string(64, '[') + std::string(64, ']'), "t").is_array());
}

}  // namespace raibid::yaml_reader_test
