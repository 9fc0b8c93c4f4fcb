#pragma once

#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "base/error.hpp"

namespace raibid::test {

/// The Error that `act` throws; the test fails when it throws none.
template <typename Act>
Error error_of(Act act) {
  try {
    act();
  } catch (const Error& error) {
    return error;
  }
  FAIL("no Error was thrown");
  return Error(ExitCode::ok, "");
}

/// The signal of the Interrupted that `act` throws; the test fails when it throws none.
template <typename Act>
int signal_of(Act act) {
  try {
    act();
  } catch (const Interrupted& stop) {
    return stop.signal();
  }
  FAIL("nothing was interrupted");
  return 0;
}

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace raibid::test
