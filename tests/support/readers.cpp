#include "support/readers.hpp"

#include <doctest/doctest.h>

#include <filesystem>

#include "support/cli.hpp"
#include "support/machine.hpp"

namespace raibid::test {

namespace {

constexpr auto build_limit = std::chrono::minutes(5);  // the first time, on a busy machine

Output go(const std::string& arguments) {
  const std::string folder = std::string(RAIBID_SOURCE_DIR) + "/tests/readers";
  const Command command{{"sh", "-c", "cd \"$1\" && GOFLAGS=-mod=readonly go " + arguments, "go", folder}, "", {}};
  return run(real_runner(), command, real_runner().now() + build_limit);
}

}  // namespace

std::string readers() {
  static const std::string built = []() -> std::string {
    if (program("go").empty() || !go("mod download").ok()) return "";
    const std::string path = std::filesystem::path(RAIBID_CLI).parent_path() / "tests" / "readers";
    const Output output = go("build -buildvcs=false -o '" + path + "' .");
    INFO(said(output));
    REQUIRE(output.ok());
    return path;
  }();
  if (built.empty()) MESSAGE("skipped: Go, or the modules of tests/readers, cannot be had here");
  return built;
}

nlohmann::json read_by(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {readers()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return nlohmann::json::parse(must(argv));
}

}  // namespace raibid::test
