#pragma once

#include <functional>
#include <string>
#include <vector>

#include "components/component.hpp"
#include "components/redis/settings/settings.hpp"
#include "plan/executor.hpp"

namespace raibid {

/// `teardown redis`: either target.
CommandResult teardown_redis(Context& context, const std::vector<std::string>& arguments);

CommandResult teardown_redis_kubernetes(Context& context, const RedisSettings& settings);
CommandResult teardown_redis_local(Context& context, const RedisSettings& settings);

/// The options of `teardown redis` beside the global ones.
std::vector<OptionSpec> teardown_options();

/// Something that teardown removes.
struct Removal {
  std::string name;                  ///< the step's name
  std::string what;                  ///< for the list before the question
  std::function<std::string()> act;  ///< returns the detail for the step's line
};

/// Prints what goes and what stays, asks (unless --yes), and removes in order. A failure midway is an Error (remains)
/// whose hint is to run teardown again; without a terminal and without --yes it is an Error (usage); "no" is exit
/// code 1. `begin` is called when the answer was yes, before the first. `still_ours` is asked before each; when
/// somebody else has the lock now nothing more is removed (preflight, or remains after the first).
CommandResult remove_all(Context& context, const std::string& subject, const std::vector<Removal>& removals,
                         const std::vector<std::string>& stays, const StillOurs& still_ours,
                         const std::function<void()>& begin = {});

/// What teardown says when there is nothing.
CommandResult nothing_to_tear_down(const Context& context, const std::string& subject);

}  // namespace raibid
