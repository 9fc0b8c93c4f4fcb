#include "components/redis/place/sentinels.hpp"

#include <vector>

#include <fmt/format.h>

#include "base/strings.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/settings/naming.hpp"

namespace raibid {

std::string sentinel_addresses(const Context& context, const RedisSettings& settings) {
  if (settings.target == Target::local) {
    std::vector<std::string> all;
    const auto state = LocalInstance(context, settings.release).state();
    for (int node = 0; state && node < state->spec.nodes(); ++node)
      all.push_back(fmt::format("{}:{}", node_address(node), state->sentinel_port));
    return join(all, ",");
  }
  const RedisNames names(settings.release, settings.name_space, settings.cluster_domain);
  return fmt::format("{}{}:{}", names.full, names.host.substr(names.workload.size()), sentinel_port);
}

}  // namespace raibid
