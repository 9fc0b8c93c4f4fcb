#pragma once

#include "base/error.hpp"

#include <string>
#include <system_error>

namespace raibid {

/// An Error for what the system refused: "WHAT: No such file or directory". `number` is an errno.
inline Error system_error(ExitCode code, const std::string& what, int number) {
  return Error(code, what + ": " + std::generic_category().message(number));
}

}  // namespace raibid
