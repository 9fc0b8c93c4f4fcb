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

}  // namespace raibid
