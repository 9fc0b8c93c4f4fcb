#include "components/redis/settings/options.hpp"
#include "components/redis/settings/settings.hpp"
#include "config/yaml.hpp"
#include "config/yaml_settings.hpp"
#include "fuzz/fuzz.hpp"

#include <nlohmann/json.hpp>

// The settings file, and a values file, which may hold anything that YAML can say.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace raibid;
  static const std::vector<OptionSpec> options = redis_options();
  test::fuzz(data, size, [](const std::string& text) {
    settings_of(parse_yaml_tree(text, "config.yaml"), "config.yaml", options);
  });
  return test::fuzz(data, size, [](const std::string& text) { to_yaml(parse_yaml(text, "values.yaml")); });
}
