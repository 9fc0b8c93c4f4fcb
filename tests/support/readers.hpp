#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace raibid::test {

/// The Go program of tests/readers, built once a run. "" (and a message that begins with "skipped:") where Go or its
/// modules cannot be had; a program that does not compile fails the test.
std::string readers();

/// Runs it; it must succeed.
nlohmann::json read_by(const std::vector<std::string>& arguments);

}  // namespace raibid::test
