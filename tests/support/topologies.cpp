#include "support/topologies.hpp"

#include <string>

namespace raibid::test {

Topology healthy() {
  Topology topology;
  for (int node = 0; node < 3; ++node) {
    ServerNode one;
    one.name = "redis-master-" + std::to_string(node);
    one.where = "node1";
    one.run_id = "run-" + std::to_string(node);
    one.address = "10.0.0." + std::to_string(node);
    one.role = node == 0 ? "master" : "slave";
    one.offset = 1000;
    if (node == 0) {
      one.replicas_online = 2;
    } else {
      one.master_address = "10.0.0.0";
      one.link = "up";
    }
    one.sentinel = {"", "10.0.0.0", 4, true, ""};
    topology.nodes.push_back(one);
  }
  topology.proxies = {{"redis-proxy-a", "", "run-0"}, {"redis-proxy-b", "", "run-0"}};
  return topology;
}

Topology as_if_master(Topology topology, int master) {
  const std::string address = "10.0.0." + std::to_string(master);
  for (int node = 0; node < 3; ++node) {
    ServerNode& one = topology.nodes[static_cast<std::size_t>(node)];
    one.role = node == master ? "master" : "slave";
    one.master_address = node == master ? "" : address;
    one.link = node == master ? "" : "up";
    one.replicas_online = node == master ? 2 : 0;
    one.sentinel.master_address = address;
  }
  return topology;
}

}  // namespace raibid::test
