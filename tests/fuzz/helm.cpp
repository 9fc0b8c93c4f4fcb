#include "tools/helm.hpp"
#include "fuzz/fuzz.hpp"

// The first byte chooses the question that the rest answers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace raibid;
  if (size == 0) return 0;
  return test::fuzz(data + 1, size - 1, [&](const std::string& text) {
    const Command command = {{"helm", "--kube-context", "k3s", "-n", "apps", "upgrade"}, "", {}};
    switch (data[0] % 3) {
      case 0:
        Helm::parse_version(command, {0, text, "", false});
        break;
      case 1:
        Helm::parse_revision(command, {0, text, "", false});
        break;
      default:
        Helm::explain(command, {1, "", text, false});
        break;
    }
  });
}
