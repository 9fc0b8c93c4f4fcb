#pragma once

#include "components/component.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// `status redis`: either target. Exit code 0 only when every check passes; Error (not_installed) when nothing is
/// there.
CommandResult status_redis(Context& context, const std::vector<std::string>& arguments);
std::vector<OptionSpec> status_options();

/// `status` alone: everything that is set up on the cluster and on this machine, a line each; all of one when only one
/// is there, or when --release, --preset or -n says which.
CommandResult status_unnamed(Context& context, const std::vector<std::string>& arguments);

CommandResult status_redis_kubernetes(Context& context, const RedisSettings& settings);
CommandResult status_redis_local(Context& context, const RedisSettings& settings);

/// The Error for a release that is not there.
[[noreturn]] void throw_not_installed(const std::string& subject);

/// One line for each run that was killed and not undone yet; the number of them.
int mention_unfinished(const Context& context);

}  // namespace raibid
