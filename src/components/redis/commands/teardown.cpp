#include "components/redis/commands/teardown.hpp"

#include "components/redis/place/place.hpp"

namespace raibid {

CommandResult teardown_redis(Context& context, const std::vector<std::string>&) {
  return open_installer(context, redis_settings(context))->teardown();
}

std::vector<OptionSpec> teardown_options() {
  return {{.name = "delete-data",
           .help = "Remove the data too: claim, Secret and credentials",
           .kind = OptionKind::flag,
           .flag_only = true}};
}

}  // namespace raibid
