#pragma once

#include <functional>
#include <string>

#include "components/context.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/place/restore.hpp"
#include "components/redis/settings/settings.hpp"
#include "plan/step.hpp"

namespace raibid {

/// See Installer::restore.
std::string restore_local(Context& context, const RedisSettings& settings, const RestorePlan& plan);

/// What the undos of a restore do, for every run that may find what a killed one left; "file.remove" of the common ones
/// has to be there. `until`: how long one may take.
void add_restore_undos(UndoTable& table, Context& context, const LocalInstance& instance,
                       const std::function<TimePoint()>& until);

}  // namespace raibid
