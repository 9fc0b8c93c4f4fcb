#pragma once

#include <functional>
#include <string>
#include <vector>

#include "components/context.hpp"
#include "components/redis/place/kubernetes/node_ways.hpp"
#include "components/redis/run/users.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// The nodes of one Redis and their sentinels as servers whose users change together. Asked until `deadline`.
class NodeServers {
 public:
  NodeServers(Context& context, const Kubectl& kubectl, NodeWays& ways, std::function<TimePoint()> deadline);

  /// Those whose containers run. To log in to one that has ended since gives nullptr.
  UserServers servers();
  /// A connection to every node that runs, as this user.
  std::vector<std::unique_ptr<RedisConnection>> log_in_everywhere(const Login& login);

 private:
  std::vector<UserServer> running();
  std::unique_ptr<RedisConnection> log_in(int node, NodeWays::Of what, const Login& login);

  Context& m_context;
  const Kubectl& m_kubectl;
  NodeWays& m_ways;
  std::function<TimePoint()> m_deadline;
};

}  // namespace raibid
