#include "components/redis/place/kubernetes/kubernetes_place.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/kubernetes/json_view.hpp"

#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/node_servers.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/place/kubernetes/restore_pod.hpp"
#include "components/redis/place/kubernetes/victim_kubernetes.hpp"
#include "components/redis/server/connect.hpp"
#include "ui/reporter.hpp"

namespace raibid {

KubernetesPlace::KubernetesPlace(Context& context, const RedisSettings& settings)
    : m_context(context),
      m_settings(settings),
      m_names(settings.release, settings.name_space, settings.cluster_domain),
      m_session(choose_cluster(context, settings.name_space, NeedsHelm::no)) {}

std::string KubernetesPlace::heading() const { return describe(m_session.kubectl); }

std::string KubernetesPlace::subject() const { return subject_of(m_session.kubectl, m_settings.release); }

Abilities KubernetesPlace::can() const {
  return {
      .install = true, .restart = true, .crash = true, .copy_out = true, .rotate = true, .grow = true, .store = true};
}

std::vector<Node> KubernetesPlace::nodes() const { return {{"pod " + m_names.pod, "master"}}; }

const InstalledRedis& KubernetesPlace::installed() {
  if (!m_installed) m_installed = find_on_kubernetes(m_context, m_session.kubectl, m_settings);
  return *m_installed;
}

/// Of several nodes the master is reached through a proxy, whichever it is.
void KubernetesPlace::prepare_way() {
  if (!m_redis) m_redis.emplace(m_context, m_session.kubectl, m_names, m_local_port);
  m_redis->lead_to(m_names.way_to_master(installed().record.ha()));
  m_redis->prepare();
}

void KubernetesPlace::prepare(int local_port) {
  m_local_port = local_port;
  if (!m_redis) m_redis.emplace(m_context, m_session.kubectl, m_names, local_port);
  m_redis->prepare();
}

RedisEndpoint KubernetesPlace::endpoint(TimePoint deadline) {
  const InstalledRedis& redis = installed();  // before the port-forward: "not installed" says more than its failure
  prepare_way();
  m_redis->speak_tls(redis.tls, redis.port);
  return m_redis->endpoint(redis.login(), deadline);
}

std::unique_ptr<RedisConnection> KubernetesPlace::connect(TimePoint deadline) {
  return connect_redis(m_context.redis, endpoint(deadline), reply_limit);
}

std::unique_ptr<RedisConnection> KubernetesPlace::administer(TimePoint deadline) {
  const Login admin = installed().admin;
  prepare_way();
  m_redis->speak_tls(installed().tls, installed().port);
  return connect_redis(m_context.redis, m_redis->endpoint(admin, deadline), reply_limit);
}

std::vector<std::unique_ptr<RedisConnection>> KubernetesPlace::administer_all(TimePoint deadline) {
  const Spec& record = installed().record;
  if (!record.ha()) return Place::administer_all(deadline);
  if (!m_nodes) m_nodes.emplace(m_context, m_session.kubectl, m_names, record.nodes(), SecretContent());
  m_nodes->speak_tls(installed().tls);
  return NodeServers(m_context, m_session.kubectl, *m_nodes, [deadline] { return deadline; })
      .log_in_everywhere(installed().admin);
}

std::string KubernetesPlace::cluster_uid() { return cluster_uid_of(m_context, m_session.kubectl); }

bool KubernetesPlace::exporter_started_after(WallTime time) {
  // the kubelet brings a changed Secret into a pod within a minute or two
  constexpr auto until_it_is_there = std::chrono::minutes(2);
  const Command question = m_session.kubectl.get(m_names.pod_objects(installed().record.nodes()));
  for (const nlohmann::json& pod :
       Kubectl::parse_items(question, m_session.kubectl.ask(question, m_context.deadline))) {
    for (const nlohmann::json& container : items_at(pod, {"status", "containerStatuses"})) {
      if (text_at(container, {"name"}) != exporter_container) continue;
      const auto started = parse_rfc3339(text_at(container, {"state", "running", "startedAt"}));
      if (started && *started < time + until_it_is_there) return false;
    }
  }
  return true;
}

void KubernetesPlace::read_data_file(const std::string& name, const std::function<void(std::string_view)>& take) {
  const Command question = m_session.kubectl.get({"statefulset/" + m_names.workload});
  const nlohmann::json workloads = Kubectl::parse_items(question, m_session.kubectl.ask(question, m_context.deadline));
  const auto volume = workloads.empty() ? std::nullopt : data_volume_of(workloads.front(), m_names.pod);
  if (!volume) throw Error(ExitCode::preflight, fmt::format("StatefulSet {} has no claim", m_names.workload));
  read_file_of_pod(m_context, m_session.kubectl, m_names.pod, volume->container, volume->folder + "/" + name, take);
}

void KubernetesPlace::look_after() {
  if (!m_redis) return;
  // whether the port-forward has ended is seen by a wait for it alone
  if (Process* const tunnel = m_redis->tunnel().process(); tunnel && !tunnel->finished())
    m_context.runner.wait({&tunnel, 1}, m_context.runner.now());
  if (m_redis->tunnel().finished()) m_redis->prepare();
  m_redis->tunnel().port();
}

Process* KubernetesPlace::keep_open() {
  // a restarted Redis or a moved pod ends it: the same local port comes back as soon as there is a pod to forward to
  constexpr Duration pause = std::chrono::milliseconds(500);
  if (!m_redis) prepare();
  PortForward& tunnel = m_redis->tunnel();
  if (tunnel.finished()) {
    m_context.reporter.note(
        fmt::format("{}: the port-forward ended ({}); opening it again", m_settings.release, tunnel.last_error()));
    m_context.runner.wait({}, m_context.runner.now() + pause);
    tunnel.ensure();
  }
  tunnel.port();
  return tunnel.process();
}

Command KubernetesPlace::logs(const LogLines& lines) {
  const Spec& record = installed().record;
  if (record.ha())
    return m_session.kubectl.print_logs(m_names.pods(record.nodes()), redis_container, lines.last, lines.previous,
                                        lines.follow);
  return m_session.kubectl.print_logs(m_names.pod, redis_container, lines.last, lines.previous, lines.follow);
}

std::unique_ptr<Victim> KubernetesPlace::victim() { return kubernetes_victim(m_context, m_settings, m_session); }

}  // namespace raibid
