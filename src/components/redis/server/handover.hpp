#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "components/redis/server/topology.hpp"
#include "sys/process.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// The ways to the nodes of one Redis, by ordinal.
class Nodes {
 public:
  virtual ~Nodes() = default;
  /// Connections of their own, as raibid-cli's user and as the sentinels'. Throw as connect_redis.
  virtual std::unique_ptr<RedisConnection> node(int ordinal, TimePoint until) = 0;
  virtual std::unique_ptr<RedisConnection> sentinel(int ordinal, TimePoint until) = 0;
  /// Asks all of them. Who cannot be reached until then is told in the answer.
  virtual Topology look(TimePoint until) = 0;

 protected:
  /// Asks the server and the sentinel of this ordinal, and fills in what they say, or why they do not.
  void ask(int ordinal, TimePoint until, ServerNode& one);
};

/// Gives the master's role to a replica (the one of this ordinal, or whom Sentinel chooses) so that no acknowledged
/// write is lost: writes are paused at the old master, all replicas catch up, a sentinel promotes one, and the old
/// master follows it and cuts its clients off. `progress` hears what it waits for. Returns the name of the new master.
/// When it throws Error (failure), writes are allowed again.
std::string hand_over(Nodes& nodes, const Topology& before, std::optional<int> to, Runner& runner, TimePoint deadline,
                      const std::function<void(const std::string&)>& progress);

/// Before all nodes end at once: no node takes writes for 15 seconds, also when it becomes the master meanwhile, and
/// each has everything that was acknowledged. Throws Error (failure) when one has not caught up in time; then writes
/// are allowed again.
void stop_writes(Nodes& nodes, const Topology& now, Runner& runner, TimePoint deadline);

/// Node 0, which the others know by `address`, becomes the master with everything that was acknowledged; what is amiss
/// for a moment is waited for. Throws Error (failure), with the roles as they were, when another node is the master and
/// cannot hand over: then nobody may go on with node 0 alone.
void make_first_the_master(Nodes& nodes, const std::string& address, Runner& runner, Duration patience,
                           TimePoint deadline, const std::function<void(const std::string&)>& progress);

}  // namespace raibid
