#include "base/error.hpp"

#include "base/secret.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <csignal>
#include <type_traits>
#include <utility>

using namespace raibid;

TEST_CASE("an error gathers where it was while it unwinds") {
  Error error(ExitCode::failure, "no answer", "start it");
  error.during("asking Redis").during("setting up").with_code(ExitCode::rolled_back);
  CHECK(error.message() == "while setting up: while asking Redis: no answer");
  CHECK(std::string(error.what()) == error.message());
  CHECK(error.hint() == "start it");
  CHECK(error.code() == ExitCode::rolled_back);
}

TEST_CASE("an interruption has the shell's code for its signal") {
  const Interrupted stop(SIGTERM);
  CHECK(stop.exit_code() == 143);
  CHECK(stop.signal() == SIGTERM);
  CHECK(stop.message() == "interrupted (SIGTERM)");
  CHECK(Interrupted(SIGHUP).exit_code() == 129);
}

TEST_CASE("an interruption passes every catch of an Error") {
  static_assert(!std::is_base_of_v<Error, Interrupted>);
  CHECK_THROWS_AS(([] {
                    try {
                      throw Interrupted(SIGINT);
                    } catch (const Error&) {
                    }
                  }()),
                  Interrupted);
}

TEST_CASE("a secret prints as stars and leaves nothing where it was moved from") {
  Secret secret("hunter2");
  CHECK(fmt::format("{}", secret) == "***");
  CHECK(fmt::format("{:>5}", secret) == "  ***");
  Secret moved(std::move(secret));
  CHECK(moved.reveal() == "hunter2");
  CHECK(secret.empty());
  CHECK(moved == Secret("hunter2"));
  Secret assigned("other");
  assigned = std::move(moved);
  CHECK(assigned.reveal() == "hunter2");
  CHECK(moved.empty());
}
