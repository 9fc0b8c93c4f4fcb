#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "components/context.hpp"
#include "components/redis/place/local/connector.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/run/users.hpp"
#include "components/redis/server/handover.hpp"
#include "components/redis/server/topology.hpp"
#include "components/redis/server/users.hpp"
#include "components/redis/settings/settings.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// The ways to the nodes of one instance and to their sentinels, by their Unix sockets, and to the proxy.
class LocalNodes final : public Nodes {
 public:
  LocalNodes(Context& context, LocalInstance instance, LocalInstance::State state)
      : m_context(context),
        m_instance(std::move(instance)),
        m_state(std::move(state)),
        m_connector(context.redis, m_instance) {}

  std::unique_ptr<RedisConnection> node(int ordinal, TimePoint until) override;
  std::unique_ptr<RedisConnection> sentinel(int ordinal, TimePoint until) override;
  Topology look(TimePoint until) override;

  /// Those that run, as servers whose users change together.
  UserServers servers(std::function<TimePoint()> deadline);
  /// A connection to every node that runs, as raibid-cli's user.
  std::vector<std::unique_ptr<RedisConnection>> administer_all(TimePoint until);
  int count() const { return m_state.spec.nodes(); }
  const LocalInstance& instance() const { return m_instance; }

  /// Starts what does not run: the sentinels, then the servers, each by ha.sh, which asks the others who the master is.
  /// Throws Error (failure) with the last line of its log.
  void start(TimePoint deadline);
  /// Until one is the master, all others follow it, and the sentinels agree. Throws Error (failure).
  void wait_until_in_sync(TimePoint deadline, const std::function<void(const std::string&)>& progress);
  /// All nodes read their certificate again; then the sentinels, and a proxy that shows one, start again, because they
  /// read it at their start alone. Throws Error (failure).
  void reload_certificates(const SecretContent& content, TimePoint deadline);
  /// Writes what the proxy shows, where clients have to show a certificate. False when it is there already.
  bool write_client_certificate(const SecretContent& content) const;
  /// Starts the proxy when it does not run, and waits until it leads to the master. Throws as `start`.
  void start_proxy(const std::string& program, TimePoint deadline,
                   const std::function<void(const std::string&)>& progress);

 private:
  std::unique_ptr<RedisConnection> log_in(const LocalProcess& process, const Login& login, TimePoint until);
  LocalProcess process(LocalProcess::Kind kind, int ordinal) const;
  ProxySeen look_at_proxy(TimePoint until);
  void start(const std::vector<LocalProcess>& stopped, TimePoint deadline);
  void check_that_all_run() const;

  Context& m_context;
  LocalInstance m_instance;
  LocalInstance::State m_state;
  LocalConnector m_connector;
};

/// In the folder of the proxy: what it shows to nodes that want a certificate.
inline constexpr const char* client_certificate = "client.pem";

/// "raibid-redis-1": how a node of several is called.
std::string node_name(const std::string& release, int ordinal);

/// The nodes of a release that is there. Throws Error: (not_installed), (preflight) when it has one node alone.
LocalNodes open_local_nodes(Context& context, const RedisSettings& settings);

/// "haproxy", or where Debian has it beside the PATH of users, with its version. Throws Error (preflight) when it is
/// missing.
struct LocalProxy {
  std::string program;
  std::string version;
};
LocalProxy find_local_proxy(Context& context);

/// What all nodes start with; the rest is said by ha.sh.
std::string nodes_conf(const LocalInstance& instance, int port, const RedisSettings& settings);
/// The chart's ha.sh with what it needs to know of this machine before it.
std::string start_script(const LocalInstance& instance, int port, int port_of_sentinels, const RedisSettings& settings);
/// The chart's haproxy.cfg for this machine.
std::string proxy_conf(int port, int node_port, const RedisSettings& settings);

}  // namespace raibid
