#pragma once

#include <string>

#include "components/redis/place/local/instance.hpp"
#include "plan/step.hpp"

namespace raibid {

/// Makes the "file.remove" of `table` keep what an interrupted run left of `instance` when there is data in it: folder
/// and password go only in the rollback of the very run that made them, whose id is `run`. `reason` is shown (see
/// Kept).
void keep_left_data(UndoTable& table, const LocalInstance& instance, const std::string& run, const std::string& reason);

}  // namespace raibid
