#pragma once

#include "components/component.hpp"

namespace raibid {

/// The row of the components' table.
Component redis_component();

}  // namespace raibid
