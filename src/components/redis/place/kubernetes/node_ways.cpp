#include "components/redis/place/kubernetes/node_ways.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/redis/place/kubernetes/store_secret.hpp"
#include "components/redis/server/connect.hpp"
#include "components/redis/server/node_users.hpp"

namespace raibid {

/// To one port of a pod.
struct NodeWays::Way {
  Way(Context& context, const Kubectl& kubectl, std::string name, int port)
      : pod(std::move(name)), forward(context.runner, kubectl, pod, port) {
    forward.prefer_stream();
  }

  std::string pod;
  PortForward forward;
};

struct NodeWays::NodeWay {
  Way server, sentinel;
};

std::string proxy_selector(const std::string& release) {
  return fmt::format("app.kubernetes.io/name=redis-proxy,app.kubernetes.io/instance={}", release);
}

NodeWays::NodeWays(Context& context, const Kubectl& kubectl, const RedisNames& names, int nodes, SecretContent content)
    : m_context(context), m_kubectl(kubectl), m_names(names), m_content(std::move(content)) {
  for (int node = 0; node < nodes; ++node) {
    m_ways.emplace_back();
    open_again(node);
  }
  const std::string& selector = m_names.selector;
  m_release = selector.substr(selector.rfind('=') + 1);
}

NodeWays::~NodeWays() = default;

void NodeWays::open_again(int ordinal) {
  const std::string pod = m_names.pod_of(ordinal);
  m_ways.at(static_cast<std::size_t>(ordinal))
      .reset(new NodeWay{{m_context, m_kubectl, pod, redis_port}, {m_context, m_kubectl, pod, sentinel_port}});
}

NodeWays::Way& NodeWays::way_to(int ordinal, Of what) {
  NodeWay& ways = *m_ways.at(static_cast<std::size_t>(ordinal));
  return what == Of::sentinel ? ways.sentinel : ways.server;
}

std::unique_ptr<RedisConnection> NodeWays::connect(Way& way, const Login& login, TimePoint until) const {
  RedisEndpoint endpoint;
  endpoint.port = way.forward.wait_ready(until);
  endpoint.way = way.forward.way();
  if (endpoint.way != nullptr) endpoint.host = "pod " + way.pod;
  endpoint.username = login.username;
  endpoint.password = login.password;
  endpoint.tls = m_tls;
  const Duration left = std::chrono::duration_cast<Duration>(until - m_context.runner.now());
  return connect_redis(m_context.redis, endpoint, std::clamp(left, Duration(100), reply_limit));
}

std::unique_ptr<RedisConnection> NodeWays::connect_to(int ordinal, const Login& login, Of what, TimePoint until) {
  try {
    return connect(way_to(ordinal, what), login, until);
  } catch (const Error& error) {
    // kubectl ends it when a port refuses, and its pod may be another one by now
    if (!is_refused_password(error)) open_again(ordinal);
    throw;
  }
}

std::unique_ptr<RedisConnection> NodeWays::log_in(int ordinal, Of what, const Login& login, TimePoint until) {
  const bool is_new = way_to(ordinal, what).forward.finished();
  try {
    return connect_to(ordinal, login, what, until);
  } catch (const Error& error) {
    if (is_new || is_refused_password(error) || m_context.runner.now() >= until) throw;
    return connect_to(ordinal, login, what, until);
  }
}

std::unique_ptr<RedisConnection> NodeWays::node(int ordinal, TimePoint until) {
  return log_in(ordinal, Of::server, admin_login(m_content), until);
}

std::unique_ptr<RedisConnection> NodeWays::sentinel(int ordinal, TimePoint until) {
  if (m_without_sentinel.contains(ordinal))
    throw Error(ExitCode::failure, fmt::format("{} has no sentinel yet", m_names.pod_of(ordinal)));
  return connect_to(ordinal, sentinel_login(m_content), Of::sentinel, until);
}

std::vector<ProxySeen> NodeWays::look_at_proxies(TimePoint until) {
  const Command question = m_kubectl.list("pods", proxy_selector(m_release));
  const nlohmann::json pods = Kubectl::parse_items(question, m_kubectl.ask(question, until));
  std::vector<std::string> present;
  for (const nlohmann::json& pod : pods) {
    // one that ends, or is not there yet, is no way for clients either
    const bool ends = !at(pod, {"metadata", "deletionTimestamp"}).is_null();
    if (!ends && text_at(pod, {"status", "phase"}) == "Running") present.push_back(text_at(pod, {"metadata", "name"}));
  }
  std::erase_if(m_proxies, [&](const std::unique_ptr<Way>& proxy) {
    return std::find(present.begin(), present.end(), proxy->pod) == present.end();
  });
  for (const std::string& name : present) {
    const auto same = [&](const std::unique_ptr<Way>& proxy) { return proxy->pod == name; };
    if (std::none_of(m_proxies.begin(), m_proxies.end(), same))
      m_proxies.push_back(std::make_unique<Way>(m_context, m_kubectl, name, redis_port));
  }
  for (const std::unique_ptr<Way>& proxy : m_proxies) proxy->forward.ensure();
  std::vector<ProxySeen> seen;
  for (const std::unique_ptr<Way>& proxy : m_proxies) {
    ProxySeen one{proxy->pod};
    try {
      const auto redis = connect(*proxy, admin_login(m_content), until);
      one.run_id = parse_info(checked(*redis, {"INFO", "server"}).text)["run_id"];
    } catch (const Error& error) {
      one.why = error.message();
      proxy->forward.process()->end();
    }
    seen.push_back(std::move(one));
  }
  return seen;
}

void NodeWays::expect_sentinel(int ordinal, bool expected) {
  if (expected)
    m_without_sentinel.erase(ordinal);
  else
    m_without_sentinel.insert(ordinal);
}

Topology NodeWays::look(TimePoint until) {
  for (int ordinal = 0; ordinal < nodes(); ++ordinal) {  // all come up side by side
    way_to(ordinal, Of::server).forward.ensure();
    if (!m_without_sentinel.contains(ordinal)) way_to(ordinal, Of::sentinel).forward.ensure();
  }
  Topology topology;
  topology.proxies = look_at_proxies(until);
  for (int ordinal = 0; ordinal < nodes(); ++ordinal) {
    ServerNode one{.name = m_names.pod_of(ordinal)};
    one.sentinel.expected = !m_without_sentinel.contains(ordinal);
    ask(ordinal, until, one);
    topology.nodes.push_back(std::move(one));
  }
  return topology;
}

}  // namespace raibid
