#include "components/redis/place/kubernetes/node_servers.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/redis/place/kubernetes/release_reader.hpp"
#include "components/redis/place/kubernetes/store_secret.hpp"

namespace raibid {

namespace {

/// One that runs and is well answers at once; one on a lost node of the cluster never does.
constexpr Duration one_login_limit = std::chrono::seconds(10);

const char* container_of(NodeWays::Of what) {
  return what == NodeWays::Of::sentinel ? sentinel_container : redis_container;
}

}  // namespace

NodeServers::NodeServers(Context& context, const Kubectl& kubectl, NodeWays& ways, std::function<TimePoint()> deadline)
    : m_context(context), m_kubectl(kubectl), m_ways(ways), m_deadline(std::move(deadline)) {}

UserServers NodeServers::servers() {
  return UserServers([this] { return running(); });
}

std::vector<UserServer> NodeServers::running() {
  const Command question = m_kubectl.get(m_ways.names().pod_objects(m_ways.nodes()));
  std::vector<UserServer> all;
  for (const nlohmann::json& pod : Kubectl::parse_items(question, m_kubectl.ask(question, m_deadline()))) {
    const int node = m_ways.names().node_of(text_at(pod, {"metadata", "name"}));
    for (const NodeWays::Of what : {NodeWays::Of::server, NodeWays::Of::sentinel}) {
      if (!container_runs(pod, container_of(what))) continue;
      all.push_back({what == NodeWays::Of::sentinel ? UserServer::Kind::sentinel : UserServer::Kind::node,
                     [this, node, what](const Login& login) { return log_in(node, what, login); }});
    }
  }
  return all;
}

std::unique_ptr<RedisConnection> NodeServers::log_in(int node, NodeWays::Of what, const Login& login) {
  try {
    return m_ways.log_in(node, what, login, std::min(m_deadline(), m_context.runner.now() + one_login_limit));
  } catch (Error& error) {
    if (is_refused_password(error)) throw;
    const std::string name = m_ways.names().pod_of(node);
    const Command question = m_kubectl.get({"pod/" + name});
    const nlohmann::json pods = Kubectl::parse_items(question, m_kubectl.ask(question, m_deadline()));
    if (pods.empty() || !container_runs(pods.front(), container_of(what))) return nullptr;
    throw error.during(fmt::format("asking {} of pod {}, which runs", container_of(what), name));
  }
}

std::vector<std::unique_ptr<RedisConnection>> NodeServers::log_in_everywhere(const Login& login) {
  std::vector<std::unique_ptr<RedisConnection>> all;
  for (const UserServer& server : running()) {
    if (server.kind != UserServer::Kind::node) continue;
    if (auto redis = server.log_in(login)) all.push_back(std::move(redis));
  }
  return all;
}

}  // namespace raibid
