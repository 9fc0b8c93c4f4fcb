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

/// Adds the undos of a restore to `table`, for every run that may have to undo a restore that was killed. They use the
/// common undo "file.remove", which must be in the table. `until` returns the deadline of one undo.
void add_restore_undos(UndoTable& table, Context& context, const LocalInstance& instance,
                       const std::function<TimePoint()>& until);

}  // namespace raibid
