#include "assets/assets.hpp"

#include "assets/render.hpp"
#include "support/errors.hpp"
#include "sys/files.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace raibid {

namespace {

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("everything in templates/ is compiled in, byte for byte") {
  const std::filesystem::path templates = std::filesystem::path(RAIBID_SOURCE_DIR) / "templates";
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(templates)) {
    if (!entry.is_regular_file()) continue;
    const std::string path = entry.path().lexically_relative(templates).string();
    CAPTURE(path);
    CHECK(asset(path) == content_of(entry.path()));
    paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  REQUIRE(assets().size() == paths.size());
  for (std::size_t i = 0; i < paths.size(); ++i) CHECK(assets()[i].path == paths[i]);
}

TEST_CASE("a path that is not there") {
  CHECK_THROWS_AS(asset("presets/none.yaml"), std::out_of_range);
  CHECK_THROWS_AS(asset("presets"), std::out_of_range);
  CHECK_THROWS_AS(asset(""), std::out_of_range);
  CHECK_THROWS_AS(asset("zzz"), std::out_of_range);
}

TEST_CASE("the files below a folder") {
  const auto presets = assets_below("presets/");
  CHECK_FALSE(presets.empty());
  CHECK(presets == assets_below("presets"));
  CHECK(assets_below("preset").empty());
  CHECK(assets_below("presets/raibid.yaml").empty());
  CHECK(assets_below("").size() == assets().size());
  CHECK(
      std::all_of(presets.begin(), presets.end(), [](std::string_view path) { return path.starts_with("presets/"); }));
}

TEST_CASE("files are unpacked with their structure") {
  const TemporaryDirectory folder(std::filesystem::temp_directory_path());
  unpack_assets("presets/", folder.path() / "new");
  CHECK(content_of(folder.path() / "new" / "raibid.yaml") == asset("presets/raibid.yaml"));
  unpack_assets("", folder.path());
  CHECK(content_of(folder.path() / "presets" / "raibid.yaml") == asset("presets/raibid.yaml"));

  std::ofstream(folder.path() / "file").close();
  const std::string message = tests::message_of([&] { unpack_assets("presets", folder.path() / "file"); });
  CHECK(message.starts_with("cannot write " + (folder.path() / "file").string()));
}

TEST_CASE("the digest stands for paths and contents") {
  const std::string digest = assets_digest("presets/");
  CHECK(digest.size() == 64);
  CHECK(digest == assets_digest("presets"));
  CHECK(digest != assets_digest("nothing"));
}

TEST_CASE("templates are filled in") {
  const std::map<std::string, std::string> values = {{"host", "h"}, {"port", "6379"}, {"password", "{{host}}"}};
  CHECK(render("redis://:{{password}}@{{ host }}:{{port}}", values, "url") == "redis://:{{host}}@h:6379");
  CHECK(render("", values, "x") == "");
  CHECK(render("{host} }} {", values, "x") == "{host} }} {");
  CHECK(render("{{host}}{{host}}", values, "x") == "hh");

  ExitCode code = ExitCode::ok;
  CHECK(tests::message_of([&] { render("a\n{{hots}}", values, "A"); }, &code) ==
        "A:2: unknown name \"hots\"; did you mean host?");
  CHECK(code == ExitCode::usage);
  CHECK(tests::message_of([&] { render("{{}}", values, "A"); }) == "A:1: unknown name \"\"");
  CHECK(tests::message_of([&] { render("a{{host", values, "A"); }) == "A:1: a {{ is not closed");
  CHECK(tests::message_of([&] { render("{{host}", values, "A"); }) == "A:1: a {{ is not closed");
}

}  // namespace raibid
