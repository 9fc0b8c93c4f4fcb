// The check of hints itself: it finds the commands, and refuses those that cannot be typed.
#include "support/hints.hpp"

#include <doctest/doctest.h>

namespace raibid::hints_test {

using test::check_hints;
using test::hinted_commands;

TEST_SUITE("hints") {
  TEST_CASE("the commands behind a hint and behind an arrow are found, and nothing else") {
    const std::string text =
        "error: raibid-cli failed\n"
        "hint: look: kubectl get pods -n x; then raibid-cli status -n x\n"
        "  or remove it: raibid-cli teardown redis -n x\n"
        "raibid-cli status\n"
        "  ✗ claim  gone\n"
        "           → set it up: raibid-cli setup redis · helm list\n";
    CHECK(hinted_commands(text) == std::vector<std::string>{"kubectl get pods -n x", "raibid-cli status -n x",
                                                            "raibid-cli teardown redis -n x", "raibid-cli setup redis",
                                                            "helm list"});
  }

  TEST_CASE("a hint that names the same Redis passes") {
    check_hints({"status", "-n", "x"}, "hint: raibid-cli setup redis -n x");
    check_hints({"setup", "redis"}, "hint: on this machine: raibid-cli setup redis --target local");
  }

  TEST_CASE("a hint that names another Redis fails" * doctest::should_fail()) {
    check_hints({"status", "-n", "x"}, "hint: raibid-cli setup redis");
  }

  TEST_CASE("a hint that does not parse fails" * doctest::should_fail()) {
    check_hints({"status"}, "hint: raibid-cli setup redis --bogus");
  }

  TEST_CASE("a hint with an open quote fails" * doctest::should_fail()) {
    check_hints({"status"}, "hint: raibid-cli connect redis -- 'redis-cli");
  }
}

}  // namespace raibid::hints_test
