#pragma once

#include <functional>
#include <string>
#include <vector>

#include "components/context.hpp"
#include "components/redis/place/kubernetes/node_ways.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/redis_conf.hpp"
#include "components/redis/settings/settings.hpp"
#include "plan/step.hpp"
#include "tools/helm.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// One node becomes several, and several one, while Redis goes on: node 0 stays in both, and whoever goes back goes
/// back to it. So every way to one node begins with making it the master, which loses nothing; where that is
/// impossible the several nodes stay.
struct NodeConversion {
  Context& context;
  const Kubectl& kubectl;
  const RedisNames& names;
  std::string release;
  int nodes;  ///< of several
  std::function<void(const std::string&)> progress;

  /// Node 0 becomes the master, with everything that was acknowledged. Throws Error (failure), with the several nodes
  /// as they were, when another one is the master and cannot hand over.
  void make_first_the_master(NodeWays& ways, TimePoint until) const;

  /// After that: no sentinel changes the master any more, and node 0 takes writes without a replica. Throws Error
  /// (failure) when a failover came first.
  void end_failovers(NodeWays& ways, TimePoint until) const;

  /// Takes end_failovers back: sentinels that know no master start again, and find it as pods do that start.
  void begin_failovers(NodeWays& ways, TimePoint until) const;

  /// The addresses by which the nodes know each other: those of their Services; "" for one without.
  std::vector<std::string> addresses(TimePoint until) const;

  int running_sentinels(const std::vector<std::string>& pods, TimePoint until) const;

  /// F-master, and the further names in its namespace, lead to the first pod alone, or to the proxies.
  enum class To { first_pod, proxies };
  void lead(const std::vector<std::string>& services, To to, TimePoint until) const;
};

/// What the chart gives each of several nodes, where the settings say nothing else (redis.nodesConf), without what is
/// secret.
Directives directives_of_nodes(const RedisSettings& settings);
/// Those of them that a running server has, to be put back; beside them what it follows a master with.
Directives present_directives_of_nodes(RedisConnection& redis);

/// The Services of the settings that select pods: F-master and the further names in its namespace.
std::vector<std::string> selecting_services(const RedisSettings& settings, const RedisNames& names);

/// One record for all that makes several nodes of one, since each part of it can only be taken back after the ones
/// before it: what helm did (`revisions` of them), the claims of the new nodes, the settings of node 0, its users.
struct ConversionUndo {
  std::string release, pod;
  int nodes = 0;
  int last_deployed = 0;
  int newest = 0;  ///< revisions, see undo_upgrade
  std::vector<std::string> services;
  Directives before;      ///< of node 0
  std::string hand_over;  ///< the command that makes node 0 the master
};
Undo undo_conversion(const Helm& helm, const ConversionUndo& undo);

/// What undo_conversion records; `first_node` logs in to node 0 alone. Has to be added after the other undos,
/// "users.restore" among them.
void add_conversion_undos(UndoTable& table, const std::function<RedisConnection&()>& first_node);

inline constexpr const char* leave_replication_action = "kubernetes.leave_replication";
inline constexpr const char* conversion_action = "kubernetes.one_node_again";

}  // namespace raibid
