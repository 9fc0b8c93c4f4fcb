#pragma once

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <optional>
#include <string>

#include "components/context.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/external/external_target.hpp"
#include "components/redis/place/external/password_source.hpp"
#include "tools/port_forward.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// A Service and the Redis behind it, as the cluster tells of them.
struct FoundService {
  int port = 0;      ///< of the Service
  std::string pod;   ///< one that is ready; the master where pods say who that is
  int pod_port = 0;  ///< where the Service leads to in it
  std::vector<PasswordSource> sources{};
  std::optional<TlsSource> tls{};  ///< where its pods say that they speak TLS
};

/// Throws Error (preflight) for a Service that leads to no pods, or has several ports of which none is Redis' own;
/// Error (failure) when no pod is ready.
FoundService read_service(const nlohmann::json& service, const nlohmann::json& pods, const AdoptedService& name);

/// The label selector of a Service; "" when it has none.
std::string selector_of(const nlohmann::json& service);

/// The way to a Redis that someone else runs in a cluster: a port-forward to a pod of its Service. Reads the Service,
/// its pods and the Secret that they name; changes nothing.
class ServiceWay {
 public:
  /// Chooses the cluster and looks. Throws Error (preflight) as choose_cluster, when there is no such Service, and as
  /// read_service.
  ServiceWay(Context& context, const ClusterService& service);

  const std::string& kube_context() const { return m_session.kubectl.cluster().context; }
  int service_port() const { return m_found.port; }
  /// The password by --existing-secret, else by what the pods name; std::nullopt when they name none that is there.
  /// Throws Error (preflight) when the Secret of --existing-secret or its key is not there.
  std::optional<Secret> password();
  /// How its clients speak TLS (without a name): the CA, and where they have to show a certificate the server's own, as
  /// its pods have them. std::nullopt when they say nothing of TLS. Without `needs_ca` a CA that is in no Secret is
  /// none. Throws Error (preflight) when it is needed and not there.
  std::optional<TlsClient> tls(bool needs_ca);
  /// Where that was found, for people; "" for nowhere.
  const std::string& password_source() const { return m_password_source; }

  /// The local port that leads there. A tunnel that ended, because the pod was replaced, is opened again to the new
  /// pod.
  int local_port(TimePoint deadline);
  PortForward& tunnel() { return *m_tunnel; }
  /// The local port to take from now on, 0 for a free one.
  void prepare(int local_port);

 private:
  void look();

  Context& m_context;
  ClusterService m_service;
  ClusterSession m_session;
  FoundService m_found;
  std::string m_password_source;
  int m_local_port = 0;
  std::unique_ptr<PortForward> m_tunnel;
};

}  // namespace raibid
