#include "components/redis/place/local/victim_local.hpp"

#include <signal.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/local/connector.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/place/local/local_nodes.hpp"
#include "components/redis/server/connect.hpp"
#include "sys/process_table.hpp"

namespace raibid {

namespace {

constexpr Duration local_poll = std::chrono::milliseconds(10);

class LocalVictim final : public Victim {
 public:
  LocalVictim(Context& context, const RedisSettings& settings)
      : m_context(context),
        m_release(settings.release),
        m_installed(find_local(context, settings)),
        m_instance(context, settings.release),
        m_connector(context.redis, m_instance),
        m_server(find_local_server(context)) {
    if (!m_instance.pid()) {
      throw Error(ExitCode::failure, fmt::format("release {} on this machine does not run", m_release),
                  "start it: " + Scope().found("local", "", m_release, "").command("setup redis"));
    }
  }

  std::string name() const override { return fmt::format("release {} on this machine", m_release); }
  std::string how() const override { return m_instance.several() ? "SIGKILL of the master" : "SIGKILL"; }

  std::unique_ptr<RedisConnection> connect(TimePoint) override {
    return connect_redis(m_connector,
                         {m_installed.host, m_installed.port, m_installed.admin.username, m_installed.admin.password},
                         reply_limit);
  }

  void kill() override {
    const std::optional<int> pid = master();
    if (!pid) throw Error(ExitCode::failure, name() + " ended before it was killed");
    m_killed = true;
    signal_process(m_context.guard, *pid, SIGKILL);
  }

  void look() override {}

  std::unique_ptr<RedisConnection> come_back(TimePoint deadline) override {
    revive(deadline);
    return wait_for_pong(m_connector,
                         {m_installed.host, m_installed.port, m_installed.admin.username, m_installed.admin.password},
                         m_context.runner, deadline, [](const std::string&) {});
  }

  void revive(TimePoint deadline) override {
    if (!m_killed) return;
    if (m_instance.several()) {
      LocalNodes nodes(m_context, m_instance, *m_instance.state());
      nodes.start(deadline);
      nodes.wait_until_in_sync(deadline, [](const std::string&) {});
      m_killed = false;
      return;
    }
    while (m_instance.pid()) {
      if (m_context.runner.now() >= deadline) throw Error(ExitCode::remains, name() + " outlives SIGKILL");
      m_context.runner.wait({}, m_context.runner.now() + local_poll);
    }
    m_instance.start(m_context.runner, m_server.program, m_installed.port, deadline);
    m_killed = false;
  }

 private:
  /// Of several nodes the one that is the master; else the server.
  std::optional<int> master() {
    if (!m_instance.several()) return m_instance.pid();
    LocalNodes nodes(m_context, m_instance, *m_instance.state());
    const Topology topology = nodes.look(m_context.deadline);
    for (const LocalProcess& process : m_instance.processes()) {
      const bool server = process.kind == LocalProcess::Kind::server;
      if (server && topology.nodes.at(static_cast<std::size_t>(process.ordinal)).is_master()) return process.pid();
    }
    return std::nullopt;
  }

  Context& m_context;
  std::string m_release;
  InstalledRedis m_installed;
  LocalInstance m_instance;
  LocalConnector m_connector;
  LocalServer m_server;
  bool m_killed = false;
};

}  // namespace

std::unique_ptr<Victim> local_victim(Context& context, const RedisSettings& settings) {
  return std::make_unique<LocalVictim>(context, settings);
}

}  // namespace raibid
