#include "components/presets.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "components/redis/settings/options.hpp"
#include "components/redis/settings/settings.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

std::vector<OptionSpec> options() {
  std::vector<OptionSpec> all = global_options();
  for (const OptionSpec& option : redis_options()) all.push_back(option);
  return all;
}

}  // namespace

TEST_CASE("every built-in preset parses, and has the name of its file") {
  const std::vector<std::string> names = builtin_presets();
  CHECK(std::find(names.begin(), names.end(), "raibid") != names.end());
  for (const std::string& name : names) {
    CAPTURE(name);
    CHECK(load_preset(name, options()).name == name);
  }
}

TEST_CASE("a preset by its path") {
  const TemporaryDirectory folder(std::filesystem::temp_directory_path());
  const std::string path = folder.path() / "mine.yaml";
  write_atomic(path, "name: mine\nsettings:\n  size: 1Gi\n");
  CHECK(load_preset(path, options()).name == "mine");
  write_atomic(path, "name: mine\nsetings: {}\n");
  const Error error = error_of([&] { load_preset(path, options()); });
  CHECK(has(error.message(), path));
  CHECK(error.code() == ExitCode::usage);
}

TEST_CASE("presets that are not there") {
  const Error unknown = error_of([] { load_preset("raibit", options()); });
  CHECK(unknown.code() == ExitCode::usage);
  CHECK(has(unknown.message() + unknown.hint(), "raibid"));
  CHECK(has(error_of([] { load_preset("./raibid", options()); }).message(), "no file ./raibid"));
  CHECK(has(error_of([] { load_preset("raibit.yaml", options()); }).message(), "no file raibit.yaml"));
  CHECK(error_of([] { load_preset("/", options()); }).code() == ExitCode::usage);
  CHECK(error_of([] { load_preset("", options()); }).code() == ExitCode::usage);
}
