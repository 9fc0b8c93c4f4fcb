#include "components/redis/place/kubernetes/victim_kubernetes.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/kubernetes/access.hpp"
#include "components/redis/place/kubernetes/deletions.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/node_ways.hpp"
#include "components/redis/server/connect.hpp"

namespace raibid {

namespace {

constexpr Duration poll_interval = std::chrono::milliseconds(100);

class KubernetesVictim final : public Victim {
 public:
  KubernetesVictim(Context& context, const RedisSettings& settings, const ClusterSession& session)
      : m_context(context),
        m_names(settings.release, settings.name_space, settings.cluster_domain),
        m_session(session),
        m_installed(find_on_kubernetes(context, m_session.kubectl, settings)),
        m_redis(context, m_session.kubectl, m_names),
        m_pod(m_names.pod) {
    const TimePoint until = question_deadline(context);
    if (auto refusal = refuse_restart(context, m_session.kubectl, settings.release, until)) throw *refusal;
    m_redis.lead_to(m_names.way_to_master(m_installed.record.ha()));
    m_redis.speak_tls(m_installed.tls, m_installed.port);
    m_redis.prepare();
    if (m_installed.record.ha()) m_pod = master_of_several(until);
  }

  std::string name() const override { return fmt::format("pod {} of {}", m_pod, describe(m_session.kubectl)); }
  std::string how() const override { return "the pod deleted with a second of grace"; }

  std::unique_ptr<RedisConnection> connect(TimePoint deadline) override {
    m_redis.prepare();
    std::unique_ptr<RedisConnection> redis =
        connect_redis(m_context.redis, m_redis.endpoint(m_installed.admin, deadline), reply_limit);
    m_run = run_id(*redis);
    return redis;
  }

  void kill() override { m_kill = m_context.runner.start(kill_command()); }

  void look() override {
    if (!m_kill) return;
    Process* const process = m_kill.get();
    m_context.runner.wait({&process, 1}, m_context.runner.now());
    if (m_kill->finished() && m_kill->status() != 0)
      throw Kubectl::explain(kill_command(), {m_kill->status(), m_kill->out(), m_kill->err(), false});
  }

  std::unique_ptr<RedisConnection> come_back(TimePoint deadline) override {
    for (;;) {
      look();
      m_redis.prepare();  // the port-forward ends with the pod, and again as long as the new one does not listen
      if (std::unique_ptr<RedisConnection> redis = try_new_process()) return redis;
      if (m_context.runner.now() >= deadline) {
        throw Error(ExitCode::remains, name() + " did not come back in time",
                    m_session.kubectl.for_people({"describe", "pod", m_pod}));
      }
      Process* const process = m_redis.tunnel().process();
      m_context.runner.wait({&process, 1}, m_context.runner.now() + poll_interval);
    }
  }

  void revive(TimePoint) override {}  // its StatefulSet does

 private:
  Command kill_command() const { return m_session.kubectl.delete_pod(m_pod); }

  std::string master_of_several(TimePoint until) {
    NodeWays ways(m_context, m_session.kubectl, m_names, m_installed.record.nodes(), m_installed.content);
    ways.speak_tls(m_installed.tls);
    const Topology topology = ways.look(until);
    if (const ServerNode* const master = topology.master()) return master->name;
    throw Error(ExitCode::failure, trouble_of_nodes(topology), "see: " + m_context.scope().command("status"));
  }

  static std::string run_id(RedisConnection& redis) {
    return parse_info(checked(redis, {"INFO", "server"}).text)["run_id"];
  }

  // nullptr while it is the old process, or none answers PONG
  std::unique_ptr<RedisConnection> try_new_process() {
    const int port = m_redis.tunnel().port();
    if (port == 0) return nullptr;
    RedisEndpoint endpoint;
    endpoint.port = port;
    endpoint.username = m_installed.admin.username;
    endpoint.password = m_installed.admin.password;
    endpoint.tls = m_installed.tls;
    std::unique_ptr<RedisConnection> redis = ask_for_pong(m_context.redis, endpoint, reply_limit).connection;
    if (!redis) return nullptr;
    try {
      return run_id(*redis) != m_run ? std::move(redis) : nullptr;
    } catch (const Error&) {
      return nullptr;  // the old one, as it went
    }
  }

  Context& m_context;
  RedisNames m_names;
  ClusterSession m_session;
  InstalledRedis m_installed;
  KubernetesRedis m_redis;
  std::string m_pod;
  std::string m_run;
  std::unique_ptr<Process> m_kill;
};

}  // namespace

std::unique_ptr<Victim> kubernetes_victim(Context& context, const RedisSettings& settings,
                                          const ClusterSession& session) {
  return std::make_unique<KubernetesVictim>(context, settings, session);
}

}  // namespace raibid
