#include "components/redis/commands/teardown.hpp"

#include "base/error.hpp"
#include "components/redis/place/place.hpp"

namespace raibid {

CommandResult teardown_redis(Context& context, const std::vector<std::string>&) {
  const RedisSettings settings = redis_settings(context);
  if (context.settings.flag("delete-backups") && settings.target != Target::kubernetes) {
    throw Error(ExitCode::usage, "--delete-backups is for the claim of a cluster",
                "remove backups of a folder by `backup prune`, or by hand");
  }
  return open_installer(context, settings)->teardown();
}

std::vector<OptionSpec> teardown_options() {
  return {{.name = "delete-data",
           .help = "Remove the data too: claim, Secret and credentials",
           .kind = OptionKind::flag,
           .flag_only = true},
          {.name = "delete-backups",
           .help = "Remove the claim with the backups that a schedule took, too",
           .kind = OptionKind::flag,
           .flag_only = true}};
}

}  // namespace raibid
