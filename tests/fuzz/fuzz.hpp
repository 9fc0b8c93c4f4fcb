#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.hpp"

namespace raibid::test {

/// What a parser may do with any bytes: take them, or refuse them with an Error. Everything else ends the fuzzer.
template <typename Parse>
int fuzz(const std::uint8_t* data, std::size_t size, Parse&& parse) {
  try {
    parse(std::string(reinterpret_cast<const char*>(data), size));
  } catch (const Error&) {
  }
  return 0;
}

}  // namespace raibid::test
