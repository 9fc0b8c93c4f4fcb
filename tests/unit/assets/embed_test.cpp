#include "sys/files.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace raibid {

namespace {

/// cmake/embed.cmake run on a folder made here.
class Embedding {
 public:
  Embedding() : m_folder(std::filesystem::temp_directory_path()) {
    std::filesystem::create_directories(templates() / "a" / "b");
  }

  std::filesystem::path templates() const { return m_folder.path() / "templates"; }

  void add(const std::string& path, std::string_view content) const {
    std::ofstream(templates() / path, std::ios::binary) << content;
  }

  bool run() const {
    const std::string line =
        fmt::format("cmake -DFOLDER={0}/templates -DOUTPUT={0}/out.cpp -P {1}/cmake/embed.cmake > {0}/log 2>&1",
                    m_folder.path().string(), RAIBID_SOURCE_DIR);
    return std::system(line.c_str()) == 0;
  }

  std::string read(const std::string& name) const {
    std::ifstream file(m_folder.path() / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  /// What a program that embeds the folder prints: each path, size, and the sum of its bytes times their places.
  std::string compiled_and_run() const {
    std::ofstream(m_folder.path() / "main.cpp") << R"(#include "assets/assets.hpp"
#include <cstdio>
int main() {
  for (const raibid::Asset& asset : raibid::assets()) {
    unsigned long sum = 0;
    for (std::size_t i = 0; i < asset.content.size(); ++i) sum += (i + 1) * static_cast<unsigned char>(asset.content[i]);
    std::printf("%s %zu %lu\n", std::string(asset.path).c_str(), asset.content.size(), sum);
  }
}
)";
    const std::string line = fmt::format(
        "cd {0} && c++ -std=c++20 -Wall -Wextra -Wpedantic -Werror -I{1}/src main.cpp out.cpp -o main > log 2>&1 && "
        "./main > printed",
        m_folder.path().string(), RAIBID_SOURCE_DIR);
    return std::system(line.c_str()) == 0 ? read("printed") : "failed: " + read("log");
  }

 private:
  TemporaryDirectory m_folder;
};

std::string row(const std::string& path, std::string_view content) {
  unsigned long sum = 0;
  for (std::size_t i = 0; i < content.size(); ++i) sum += (i + 1) * static_cast<unsigned char>(content[i]);
  return fmt::format("{} {} {}\n", path, content.size(), sum);
}

}  // namespace

TEST_CASE("any content can be embedded") {
  std::string every_byte;
  for (int i = 0; i < 512; ++i) every_byte += static_cast<char>(i % 256);
  const std::string awkward = "a;b;[[c]];${d} @e@ \\;\n\"#[=[\n\r\n";
  const Embedding embedding;
  embedding.add("every-byte.bin", every_byte);
  embedding.add("a/empty", "");
  embedding.add("a/b/awkward.yaml", awkward);
  embedding.add("a/.helmignore", "x");
  REQUIRE(embedding.run());
  CHECK(embedding.compiled_and_run() == row("a/.helmignore", "x") + row("a/b/awkward.yaml", awkward) +
                                            row("a/empty", "") + row("every-byte.bin", every_byte));
}

TEST_CASE("a name that would be lost is refused") {
  for (const std::string name : {"a;b", "a[b", "a]b", "a b", "a$b", "a\"b", ";", "a;", ";a"}) {
    CAPTURE(name);
    const Embedding embedding;
    embedding.add("good", "x");
    embedding.add(name, "x");
    CHECK_FALSE(embedding.run());
    CHECK(embedding.read("log").find("has a file whose name") != std::string::npos);
  }
}

}  // namespace raibid
