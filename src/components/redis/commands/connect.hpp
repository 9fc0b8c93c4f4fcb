#pragma once

#include "components/component.hpp"

namespace raibid {

/// `url redis`: the address as applications in the cluster (or on this machine) use it; the password only with
/// --with-password.
CommandResult url_redis(Context& context, const std::vector<std::string>& arguments);
std::vector<OptionSpec> url_options();

/// `connect redis`: a port-forward kept open until Ctrl-C, or the command after -- run through it.
CommandResult connect_redis_command(Context& context, const std::vector<std::string>& arguments);
std::vector<OptionSpec> connect_options();

}  // namespace raibid
