#include <stdlib.h>

#include <fstream>

#include "fuzz/fuzz.hpp"
#include "plan/journal.hpp"

namespace {

std::filesystem::path make_folder() {
  std::string name = "/dev/shm/raibid-fuzz-XXXXXX";
  return ::mkdtemp(name.data());
}

}  // namespace

// A journal is read again by the run that comes after a kill, and by every command that only mentions it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace raibid;
  static const std::filesystem::path folder = make_folder();
  return test::fuzz(data, size, [](const std::string& text) {
    std::ofstream(folder / "key.journal", std::ios::binary) << text;
    Journal::unfinished(folder);
    std::ofstream(folder / "key.journal", std::ios::binary) << text;
    Journal journal =
        Journal::open(ChangeGuard(false), folder, "key", {"setup redis", "subject", 1, "host", "2026-01-01T00:00:00Z"});
    journal.surviving_children();
    while (!journal.pending().empty()) journal.undone(journal.pending().size() - 1);
    journal.close();
  });
}
