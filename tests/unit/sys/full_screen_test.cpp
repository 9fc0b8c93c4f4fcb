#include "sys/full_screen.hpp"

#include <doctest/doctest.h>

namespace raibid::full_screen_test {

namespace {

/// The key, and how many bytes it took.
std::pair<Key, std::size_t> parsed(const std::string& typed, bool complete = true) {
  std::size_t length = 0;
  const KeyPress key = parse_key(typed, complete, length);
  return {key.key, length};
}

}  // namespace

TEST_SUITE("full screen") {
  TEST_CASE("keys are understood as xterm and the console send them") {
    CHECK(parsed("\x1b[A") == std::pair(Key::up, std::size_t{3}));
    CHECK(parsed("\x1bOB") == std::pair(Key::down, std::size_t{3}));
    CHECK(parsed("\x1b[5~x") == std::pair(Key::page_up, std::size_t{4}));
    CHECK(parsed("\x1b[1~") == std::pair(Key::home, std::size_t{4}));
    CHECK(parsed("\r") == std::pair(Key::enter, std::size_t{1}));
    CHECK(parsed("\t") == std::pair(Key::tab, std::size_t{1}));
    std::size_t length = 0;
    CHECK(parse_key("q", true, length).character == 'q');
  }

  TEST_CASE("a lone escape is a key once nothing follows; a sequence that has begun is waited for") {
    CHECK(parsed("\x1b", false) == std::pair(Key::none, std::size_t{0}));
    CHECK(parsed("\x1b", true) == std::pair(Key::escape, std::size_t{1}));
    CHECK(parsed("\x1b[", false) == std::pair(Key::none, std::size_t{0}));
    CHECK(parsed("\x1b[1", false) == std::pair(Key::none, std::size_t{0}));
  }

  TEST_CASE("what is not known is skipped whole") {
    CHECK(parsed("\x1b[1;5Cq") == std::pair(Key::none, std::size_t{6}));
    CHECK(parsed("\x1bxq") == std::pair(Key::none, std::size_t{2}));
    CHECK(parsed("\xc3\xa4") == std::pair(Key::none, std::size_t{1}));
    CHECK(parsed("\x01") == std::pair(Key::none, std::size_t{1}));
  }
}

}  // namespace raibid::full_screen_test
