#include "base/error.hpp"

#include "base/secret.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <csignal>
#include <utility>

using namespace raibid;

TEST_CASE("an error gathers where it was while it unwinds") {
  Error error(ExitCode::failure, "no answer", "start it");
  error.during("asking Redis").during("setting up").with_code(ExitCode::rolled_back);
  CHECK(error.message() == "while setting up: while asking Redis: no answer");
  CHECK(std::string(error.what()) == error.message());
  CHECK(error.hint() == "start it");
  CHECK(error.code() == ExitCode::rolled_back);
  CHECK(error.signal() == 0);
}

TEST_CASE("an interruption has the shell's code for its signal") {
  const Error error = Error::interrupted(SIGTERM);
  CHECK(static_cast<int>(error.code()) == 143);
  CHECK(error.signal() == SIGTERM);
  CHECK(error.message() == "interrupted (SIGTERM)");
  CHECK(static_cast<int>(Error::interrupted(SIGHUP).code()) == 129);
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
