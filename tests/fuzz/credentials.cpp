#include <sys/mman.h>
#include <unistd.h>

#include "components/redis/server/credentials.hpp"
#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace raibid;
  static const int file = ::memfd_create("credentials", 0);
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, data, size, 0) != static_cast<ssize_t>(size)) return -1;
  return test::fuzz(nullptr, 0, [](const std::string&) {
    const auto credentials = read_credentials("/proc/self/fd/" + std::to_string(file));
    if (credentials) to_json(*credentials);
  });
}
