#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "components/context.hpp"
#include "components/redis/server/handover.hpp"
#include "components/redis/server/topology.hpp"
#include "components/redis/server/users.hpp"
#include "components/redis/settings/naming.hpp"
#include "tools/kubectl.hpp"
#include "tools/port_forward.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// The ways to every node of a Redis with replicas, to its sentinels and its proxies: a connection by the API (or a
/// port-forward, where the API gives none) for each, opened when it is first needed and again when it has died.
class NodeWays final : public Nodes {
 public:
  /// `content`: of the release's Secret.
  NodeWays(Context& context, const Kubectl& kubectl, const RedisNames& names, int nodes, SecretContent content);
  ~NodeWays() override;

  Topology look(TimePoint until) override;

  std::unique_ptr<RedisConnection> node(int ordinal, TimePoint until) override;
  std::unique_ptr<RedisConnection> sentinel(int ordinal, TimePoint until) override;

  /// The same with a login of the caller's.
  enum class Of { server, sentinel };
  std::unique_ptr<RedisConnection> log_in(int ordinal, Of what, const Login& login, TimePoint until);

  /// What the release's Secret has from now on.
  void know(SecretContent content) { m_content = std::move(content); }
  /// How all of them speak TLS; none: they are plain.
  void speak_tls(std::optional<TlsClient> tls) { m_tls = std::move(tls); }

  /// Whether the pod of this node has a sentinel; all have unless told.
  void expect_sentinel(int ordinal, bool expected);

  int nodes() const { return static_cast<int>(m_ways.size()); }
  const RedisNames& names() const { return m_names; }

 private:
  void open_again(int ordinal);
  struct Way;
  struct NodeWay;
  std::unique_ptr<RedisConnection> connect_to(int ordinal, const Login& login, Of what, TimePoint until);
  Way& way_to(int ordinal, Of what);
  std::unique_ptr<RedisConnection> connect(Way& way, const Login& login, TimePoint until) const;
  std::vector<ProxySeen> look_at_proxies(TimePoint until);

  Context& m_context;
  const Kubectl& m_kubectl;
  RedisNames m_names;
  std::string m_release;
  SecretContent m_content;
  std::optional<TlsClient> m_tls;
  std::vector<std::unique_ptr<NodeWay>> m_ways;
  std::set<int> m_without_sentinel;
  std::vector<std::unique_ptr<Way>> m_proxies;
};

/// What every pod of the proxies has.
std::string proxy_selector(const std::string& release);

}  // namespace raibid
