#pragma once

#include <string>
#include <vector>

#include "components/component.hpp"

namespace raibid {

CommandResult queue_retry(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_claim(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_remove(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_dead(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_pause(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_resume(Context& context, const std::vector<std::string>& arguments);

}  // namespace raibid
