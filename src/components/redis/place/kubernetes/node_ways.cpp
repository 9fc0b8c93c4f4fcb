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

/// The way to one proxy's pod.
struct NodeWays::Proxy {
  Proxy(Context& context, const Kubectl& kubectl, std::string pod)
      : name(std::move(pod)), way(context.runner, kubectl, name, redis_port) {}

  std::string name;
  PortForward way;
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
  m_ways.at(static_cast<std::size_t>(ordinal)) =
      std::make_unique<PortForward>(m_context.runner, m_kubectl, m_names.pod_of(ordinal), redis_port, 0, sentinel_port);
}

RedisEndpoint NodeWays::endpoint(PortForward& way, const Login& login, Of what, TimePoint until) const {
  RedisEndpoint endpoint;
  endpoint.port = way.wait_ready(until);
  if (what == Of::sentinel) endpoint.port = way.second_port();
  endpoint.username = login.username;
  endpoint.password = login.password;
  endpoint.tls = m_tls;
  return endpoint;
}

std::unique_ptr<RedisConnection> NodeWays::connect(const RedisEndpoint& endpoint, TimePoint until) const {
  const Duration left = std::chrono::duration_cast<Duration>(until - m_context.runner.now());
  return connect_redis(m_context.redis, endpoint, std::clamp(left, Duration(100), reply_limit));
}

std::unique_ptr<RedisConnection> NodeWays::connect_to(int ordinal, const Login& login, Of what, TimePoint until) {
  PortForward& way = *m_ways.at(static_cast<std::size_t>(ordinal));
  try {
    return connect(endpoint(way, login, what, until), until);
  } catch (const Error& error) {
    // kubectl ends it when a port refuses, and its pod may be another one by now
    if (!is_refused_password(error)) open_again(ordinal);
    throw;
  }
}

std::unique_ptr<RedisConnection> NodeWays::log_in(int ordinal, Of what, const Login& login, TimePoint until) {
  const bool is_new = m_ways.at(static_cast<std::size_t>(ordinal))->finished();
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
  std::erase_if(m_proxies, [&](const std::unique_ptr<Proxy>& proxy) {
    return std::find(present.begin(), present.end(), proxy->name) == present.end();
  });
  for (const std::string& name : present) {
    const auto same = [&](const std::unique_ptr<Proxy>& proxy) { return proxy->name == name; };
    if (std::none_of(m_proxies.begin(), m_proxies.end(), same))
      m_proxies.push_back(std::make_unique<Proxy>(m_context, m_kubectl, name));
  }
  for (const std::unique_ptr<Proxy>& proxy : m_proxies) proxy->way.ensure();
  std::vector<ProxySeen> seen;
  for (const std::unique_ptr<Proxy>& proxy : m_proxies) {
    ProxySeen one{proxy->name};
    try {
      const auto redis = connect(endpoint(proxy->way, admin_login(m_content), Of::server, until), until);
      one.run_id = parse_info(checked(*redis, {"INFO", "server"}).text)["run_id"];
    } catch (const Error& error) {
      one.why = error.message();
      proxy->way.process()->end();
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
  for (const std::unique_ptr<PortForward>& way : m_ways) way->ensure();  // all come up side by side
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
