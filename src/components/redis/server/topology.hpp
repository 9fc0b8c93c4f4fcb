#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "components/redis/server/health.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// What one node of a Redis with replicas tells, and the sentinel beside it.
struct ServerNode {
  struct Sentinel {
    std::string why{};             ///< why it could not be asked; "" when it answered
    std::string master_address{};  ///< whom it takes for the master
    std::int64_t epoch = 0;        ///< of that configuration: it grows with each change of the master
    bool quorum = false;           ///< it sees enough others to change the master
    std::string objection{};       ///< what it says when not
    bool expected = true;          ///< false for a pod that was made before there were several nodes: it has none
  };
  std::string name{};             ///< of its pod
  std::string where{};            ///< the cluster's node that it runs on
  std::string why{};              ///< why it could not be asked; "" when it answered
  std::string role{};             ///< "master", "slave", as Redis has it
  std::string run_id{};           ///< of this start of the server
  std::string version{};          ///< "7.0.15", "valkey 8.1.1"
  std::string address{};          ///< by which the others know it
  std::string master_address{};   ///< of a replica: whom it follows
  std::string link{};             ///< of a replica: "up" or "down"
  std::int64_t down_seconds = 0;  ///< of a replica whose link is down: for how long
  bool syncing = false;           ///< of a replica: it is being sent everything
  std::int64_t offset = 0;        ///< bytes of the replication stream that it has
  std::int64_t priority = 100;    ///< of a replica: the lower, the sooner it is taken; 0: never
  int replicas_online = 0;        ///< of a master
  Sentinel sentinel{};

  bool reached() const { return why.empty(); }
  bool is_master() const { return reached() && role == "master"; }
  bool is_replica() const { return reached() && role == "slave"; }
  bool in_sync() const { return is_replica() && link == "up" && !syncing; }
};

/// One of what leads clients to the master.
struct ProxySeen {
  std::string name{};
  std::string why{};     ///< why nobody answered through it; "" when somebody did
  std::string run_id{};  ///< of the server that answered
};

/// All nodes of one Redis, in the order of their ordinals, and its proxies.
struct Topology {
  std::vector<ServerNode> nodes{};
  std::vector<ProxySeen> proxies{};
  /// Whether sentinels watch the nodes and proxies lead to the master. Without, the master stays the master.
  bool fails_over = true;

  /// The only master that there is; nullptr for none or several.
  const ServerNode* master() const;
  /// By the address that the others know it by; nullptr for none.
  const ServerNode* at(const std::string& address) const;
  /// Its name, or the address itself.
  std::string name_at(const std::string& address) const;
  /// Bytes of the replication stream that a replica has not got yet.
  std::int64_t behind(const ServerNode& replica) const;
};

/// Ask a node, or a sentinel. Throw Error (failure) when the connection ends.
void read_node(RedisConnection& redis, ServerNode& node);
void read_sentinel(RedisConnection& sentinel, ServerNode::Sentinel& facts);

/// What is wrong with the nodes (one master, whom all follow), the sentinels (all agree with that), the proxies (all
/// lead there); "" for nothing.
std::string trouble_of_nodes(const Topology& topology);
std::string trouble_of_sentinels(const Topology& topology);
std::string trouble_of_proxies(const Topology& topology);
/// The first trouble: of nodes and sentinels, and of all three.
std::string trouble_of_servers(const Topology& topology);
std::string trouble_of_all(const Topology& topology);

/// "master raibid-redis-master-0, 2 replicas in sync", "3 of 3 sentinels agree, epoch 4", "2 proxies lead to the
/// master".
std::string describe_nodes(const Topology& topology);
std::string describe_sentinels(const Topology& topology);
std::string describe_proxies(const Topology& topology);

/// Adds the checks `master`, a `replica` for each, `sentinels` and `address`. `how_to_look`: a command that shows more.
void examine_topology(const Topology& topology, const std::string& how_to_look, HealthReport& report);
/// How the pods are spread over the cluster's nodes, as the check `spread`: a warning where the loss of one takes all
/// of them, or so many that no master can be chosen. `accepted`: all on one node are as wished. `remove` makes the
/// command that deletes a pod.
void examine_spread(const Topology& topology, bool accepted,
                    const std::function<std::string(const std::string&)>& remove, HealthReport& report);
/// The same facts under the keys `nodes`, `master`, `sentinels` and `proxies`.
void add_topology_data(const Topology& topology, nlohmann::ordered_json& data);

}  // namespace raibid
