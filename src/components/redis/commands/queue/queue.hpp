#pragma once

#include <vector>

#include "components/component.hpp"

namespace raibid {

/// The commands `queue …`: see, feed and repair a queue on a Redis Stream. All throw Error (not_installed) without a
/// Redis, and act on the stream and group that --stream and --group name, else on the preset's first.
std::vector<ComponentCommand> queue_commands();

CommandResult queue_stats(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_add(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_import(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_export(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_list(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_show(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_grep(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_tail(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_top(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_trim(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_retry(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_claim(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_remove(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_dead(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_work(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_pause(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_resume(Context& context, const std::vector<std::string>& arguments);

}  // namespace raibid
