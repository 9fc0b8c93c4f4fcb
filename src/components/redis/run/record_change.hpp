#pragma once

#include <optional>

#include "components/redis/run/setup_diff.hpp"
#include "components/redis/settings/spec.hpp"

namespace raibid {

/// Our record of a Redis as the options of setup that differ: how it is written says nothing to people. Where no option
/// does (another version of raibid-cli has other defaults), the fields of the record; nothing where they are the same.
std::optional<ObjectChange> record_change(const Spec& before, const Spec& after);

}  // namespace raibid
