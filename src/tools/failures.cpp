#include "tools/failures.hpp"

#include <algorithm>

namespace raibid {

bool failed_with(const Output& output, std::string_view reason) {
  if (output.failures.empty()) return output.err.find("(" + std::string(reason) + ")") != std::string::npos;
  return std::any_of(output.failures.begin(), output.failures.end(),
                     [&](const ApiFailure& failure) { return failure.reason == reason; });
}

bool failed_with(Process& process, std::string_view reason) {
  return failed_with(Output{process.status(), {}, process.err(), false, process.failures()}, reason);
}

bool was_refused(const Output& output) {
  const auto says = [&](const char* words) { return output.err.find(words) != std::string::npos; };
  if (output.failures.empty()) return says("orbidden") || says("nauthorized") || says("must be logged in");
  return std::any_of(output.failures.begin(), output.failures.end(),
                     [](const ApiFailure& failure) { return failure.code == 401 || failure.code == 403; });
}

}  // namespace raibid
