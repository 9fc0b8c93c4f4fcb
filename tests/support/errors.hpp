#pragma once

#include <string>

#include "base/error.hpp"

namespace raibid::tests {

/// The message of the Error that `call` throws; "" when it throws none.
template <typename Call>
std::string message_of(Call&& call, ExitCode* code = nullptr) {
  try {
    call();
  } catch (const Error& error) {
    if (code != nullptr) *code = error.code();
    return error.message();
  }
  return "";
}

}  // namespace raibid::tests
