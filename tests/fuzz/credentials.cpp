#include <stdlib.h>

#include <fstream>

#include "components/redis/server/credentials.hpp"
#include "fuzz/fuzz.hpp"

namespace {

std::filesystem::path make_file() {
  std::string name = "/dev/shm/raibid-fuzz-XXXXXX";
  return std::filesystem::path(::mkdtemp(name.data())) / "credentials.json";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace raibid;
  static const std::filesystem::path file = make_file();  // not behind a link, which is refused
  return test::fuzz(data, size, [](const std::string& text) {
    std::ofstream(file, std::ios::binary) << text;
    const auto credentials = read_credentials(file);
    if (credentials) to_json(*credentials);
  });
}
