#pragma once

#include "sys/process.hpp"
#include "sys/signals.hpp"
#include "sys/system_runner.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace raibid {

/// There is one Signals object at a time, and a program of tests has many cases: they share it.
inline Signals& shared_signals() {
  static Signals signals;
  return signals;
}

/// What tests with real programs stand on.
struct Machine {
  SystemClock clock;
  Signals& signals = shared_signals();
  SystemRunner runner{clock, signals};

  TimePoint in(std::chrono::seconds seconds) const { return clock.now() + seconds; }
};

/// The first of that name on PATH, or "".
inline std::string program(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::string rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    const std::filesystem::path candidate = std::filesystem::path(rest.substr(0, colon)) / name;
    std::error_code ignored;
    if (std::filesystem::is_regular_file(candidate, ignored)) return candidate;
    rest.erase(0, colon == std::string::npos ? rest.size() : colon + 1);
  }
  return {};
}

/// The Helm programs to test with and their majors: HELM3 and HELM4. Without both, the one on PATH (major 0: ask it).
inline std::vector<std::pair<std::string, int>> helm_programs() {
  std::vector<std::pair<std::string, int>> found;
  for (const auto& [name, major] : {std::pair<const char*, int>{"HELM3", 3}, {"HELM4", 4}}) {
    if (const char* const path = std::getenv(name); path != nullptr && *path != 0) found.emplace_back(path, major);
  }
  if (found.empty() && !program("helm").empty()) found.emplace_back(program("helm"), 0);
  return found;
}

}  // namespace raibid
