#include "components/redis/place/kubernetes/kubernetes_installer.hpp"

#include <nlohmann/json.hpp>

#include "components/kubernetes/evidence.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/kubernetes/certificates_kubernetes.hpp"
#include "components/redis/place/kubernetes/doctor_kubernetes.hpp"
#include "components/redis/place/kubernetes/failover_kubernetes.hpp"
#include "components/redis/place/kubernetes/history_kubernetes.hpp"
#include "components/redis/place/kubernetes/restore_kubernetes.hpp"
#include "components/redis/place/kubernetes/role.hpp"
#include "components/redis/place/kubernetes/setup_kubernetes.hpp"
#include "components/redis/place/kubernetes/status_kubernetes.hpp"
#include "components/redis/place/kubernetes/sync_kubernetes.hpp"
#include "components/redis/place/kubernetes/teardown_kubernetes.hpp"
#include "components/redis/place/kubernetes/users_kubernetes.hpp"
#include "components/redis/settings/naming.hpp"

namespace raibid {

SetupOutcome KubernetesInstaller::setup(const SetupRequest& request) {
  return setup_redis_kubernetes(m_context, m_settings, request);
}

std::vector<std::pair<std::string, std::string>> KubernetesInstaller::evidence() {
  const ClusterSession session = choose_cluster(m_context, m_settings.name_space, NeedsHelm::no);
  const RedisNames names(m_settings.release, m_settings.name_space, m_settings.cluster_domain);
  return evidence_of(session.kubectl, names.selector, m_context.deadline);
}

std::vector<std::string> KubernetesInstaller::names() {
  const ClusterSession session = choose_cluster(m_context, m_settings.name_space, NeedsHelm::no);
  const Cluster& cluster = session.kubectl.cluster();
  std::vector<std::string> all = {cluster.context, cluster.server, m_settings.name_space};
  // "api.example.com" of "https://api.example.com:6443"
  const std::size_t scheme = cluster.server.find("://");
  const std::size_t host = scheme == std::string::npos ? 0 : scheme + 3;
  all.push_back(cluster.server.substr(host, cluster.server.find_first_of(":/", host) - host));
  const RedisNames names(m_settings.release, m_settings.name_space, m_settings.cluster_domain);
  const Command question = session.kubectl.list("pods", names.selector);
  for (const nlohmann::json& pod : Kubectl::parse_items(question, session.kubectl.ask(question, m_context.deadline)))
    all.push_back(text_at(pod, {"spec", "nodeName"}));
  return all;
}

std::vector<Revision> KubernetesInstaller::history() { return history_kubernetes(m_context, m_settings); }

CommandResult KubernetesInstaller::teardown() { return teardown_redis_kubernetes(m_context, m_settings); }

void KubernetesInstaller::examine_ground(HealthReport& report) { examine_kubernetes(m_context, m_settings, report); }

FailoverOutcome KubernetesInstaller::fail_over(const FailoverRequest& request) {
  return fail_over_kubernetes(m_context, m_settings, request);
}

std::string KubernetesInstaller::rights() const { return role_manifests(m_settings); }

std::string KubernetesInstaller::change_users(const UsersPlan& plan) {
  return change_users_kubernetes(m_context, m_settings, plan);
}

SecretContent KubernetesInstaller::certificates() { return certificates_kubernetes(m_context, m_settings); }

CertificateSpec KubernetesInstaller::certificate_spec() { return certificate_spec_kubernetes(m_context, m_settings); }

std::string KubernetesInstaller::change_certificates(const CertificatesPlan& plan) {
  return change_certificates_kubernetes(m_context, m_settings, plan);
}

StoreState KubernetesInstaller::look_at_store() { return look_at_store_kubernetes(m_context, m_settings); }

std::string KubernetesInstaller::take_over_users(const std::string& operation, bool finish) {
  return take_over_users_kubernetes(m_context, m_settings, operation, finish);
}

std::string KubernetesInstaller::restore(const RestorePlan& plan) {
  return restore_kubernetes(m_context, m_settings, plan);
}

CommandResult KubernetesInstaller::status() { return status_redis_kubernetes(m_context, m_settings); }

}  // namespace raibid
