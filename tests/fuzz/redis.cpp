#include "base/quantity.hpp"
#include "components/redis/settings/spec.hpp"
#include "fuzz/fuzz.hpp"
#include "tools/redis_client.hpp"

// INFO's text, and the annotation that says what a Redis was asked to be. The first byte chooses.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace raibid;
  if (size == 0) return 0;
  return test::fuzz(data + 1, size - 1, [&](const std::string& text) {
    switch (data[0] % 4) {
      case 0:
        parse_info(text);
        break;
      case 1:
        to_json(parse_spec(text));
        break;
      case 2:
        parse_bytes(text, "--size");
        break;
      default:
        parse_millicores(text, "--cpu-limit");
        break;
    }
  });
}
