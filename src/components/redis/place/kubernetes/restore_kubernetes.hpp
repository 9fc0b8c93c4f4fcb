#pragma once

#include <functional>
#include <string>

#include "components/context.hpp"
#include "components/redis/place/restore.hpp"
#include "components/redis/settings/settings.hpp"
#include "plan/step.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// See Installer::restore.
std::string restore_kubernetes(Context& context, const RedisSettings& settings, const RestorePlan& plan);

/// Adds what the undos of a restore do. Each command that works on the release needs them: it may find what a killed
/// restore left. `until`: how long one may take.
void add_restore_undos(UndoTable& table, Context& context, const Kubectl& kubectl,
                       const std::function<TimePoint()>& until);

}  // namespace raibid
