#include "config/yaml_guard.hpp"

#include "support/errors.hpp"

#include <doctest/doctest.h>

#include <string>

namespace raibid::yaml_guard_test {

namespace {

std::string refusal(const std::string& text) {
  return tests::message_of([&] { guard_yaml(text, "f"); });
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

const std::string too_deep(65, '[');

}  // namespace

TEST_CASE("the guard itself counts flow brackets, before yaml-cpp can see them") {
  CHECK(refusal(std::string(64, '[')) == "");
  CHECK(refusal(too_deep) == "f:1: nested more than 64 deep");
  CHECK(refusal("a: 1\nb: " + too_deep) == "f:2: nested more than 64 deep");
  CHECK(refusal(repeated("[{", 33)) == "f:1: nested more than 64 deep");
  CHECK(refusal(repeated("[\n", 65)) == "f:65: nested more than 64 deep");
  CHECK(refusal(repeated("[]", 100)) == "");
  CHECK(refusal(repeated("- []\n", 100)) == "");
  CHECK(refusal("[" + repeated("a,", 100'000)) == "");
  CHECK(refusal("[" + repeated("a,", 100'001)) == "f:1: more than 100000 values");
  CHECK(refusal("a: " + repeated("a,", 200'000)) == "");
}

TEST_CASE("the guard knows what is text") {
  CHECK(refusal("a: x" + too_deep) == "");
  CHECK(refusal("# " + too_deep) == "");
  CHECK(refusal("a: 'it''s " + too_deep + "'") == "");
  CHECK(refusal("a: '" + too_deep + "'': " + too_deep + "'") == "");
  CHECK(refusal("a: \"\\\"" + too_deep + "\"") == "");
  CHECK(refusal("a: |\n  " + too_deep + "\n\n  " + too_deep) == "");
  CHECK(refusal("- a: >+2 # text\n    " + too_deep) == "");
  CHECK(refusal("- |\n " + too_deep) == "");
}

TEST_CASE("the guard knows where text ends") {
  CHECK(refusal("a: |\n  x\nb: " + too_deep) == "f:3: nested more than 64 deep");
  CHECK(refusal("- a: |\n    x\n  b: " + too_deep) == "f:3: nested more than 64 deep");
  CHECK(refusal("- - |\n    x\n  - " + too_deep) == "f:3: nested more than 64 deep");
  CHECK(refusal("a: 'x'\nb: " + too_deep) == "f:2: nested more than 64 deep");
  CHECK(refusal("a: \"x\ny\\\nz\"\nb: " + too_deep) == "f:4: nested more than 64 deep");
  CHECK(refusal("'a': " + too_deep) == "f:1: nested more than 64 deep");
  CHECK(refusal("a: b # [\nc: " + too_deep) == "f:2: nested more than 64 deep");
  CHECK(refusal("a: |b\n  " + too_deep) == "f:2: nested more than 64 deep");
}

}  // namespace raibid::yaml_guard_test
