#include "sys/programs.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string_view>
#include <system_error>

#include "base/strings.hpp"

namespace raibid {

namespace fs = std::filesystem;

fs::path find_program(const std::string& name, const std::string& path) {
  for (const std::string& folder : split(path, ':')) {
    const fs::path program = fs::path(folder.empty() ? "." : folder) / name;
    struct stat status {};
    if (::stat(program.c_str(), &status) != 0 || !S_ISREG(status.st_mode) || ::access(program.c_str(), X_OK) != 0)
      continue;
    std::error_code failed;
    const fs::path real = fs::canonical(program, failed);
    return failed ? fs::path() : real;
  }
  return {};
}

bool is_binary(const fs::path& program) {
  char magic[4] = {};
  std::ifstream(program, std::ios::binary).read(magic, sizeof(magic));
  return std::string_view(magic, sizeof(magic)) ==
         "\x7f"
         "ELF";
}

}  // namespace raibid
