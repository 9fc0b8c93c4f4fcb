#pragma once

#include "components/redis/server/topology.hpp"

namespace raibid::test {

/// Three nodes of which the first is the master, and nothing is amiss.
Topology healthy();
/// The same nodes after a handover to this one.
Topology as_if_master(Topology topology, int master);

}  // namespace raibid::test
