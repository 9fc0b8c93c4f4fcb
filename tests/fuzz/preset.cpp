#include "config/preset.hpp"
#include "components/redis/settings/options.hpp"
#include "components/redis/settings/settings.hpp"
#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace raibid;
  static const std::vector<OptionSpec> options = redis_options();
  return test::fuzz(data, size, [](const std::string& text) { parse_preset(text, "preset.yaml", options); });
}
