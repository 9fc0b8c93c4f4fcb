#pragma once

#include "components/component.hpp"

namespace raibid {

/// `queue repair-lag`: tells Redis again how many jobs a group has not been given.
CommandResult queue_repair_lag(Context& context, const std::vector<std::string>& arguments);

}  // namespace raibid
