#pragma once

#include <optional>
#include <string>

#include "components/context.hpp"
#include "tools/helm.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// The cluster of this run: chosen once, printed, and handed to every child.
struct ClusterSession {
  Kubectl kubectl;
  Helm helm;
  HelmVersion helm_version;  ///< major 0 when the command has no use for helm
};

inline constexpr const char* k3s_kubeconfig = "/etc/rancher/k3s/k3s.yaml";

enum class NeedsHelm { no, yes };

/// Resolves kubeconfig and context (--kubeconfig, else KUBECONFIG, else ~/.kube/config, else /etc/rancher/k3s/k3s.yaml)
/// and asks helm for its version side by side. In a pod without any of them it is the pod's own cluster, by its service
/// account (kubectl and helm do the same). Where a program gets the credentials it logs in once, in the user's sight.
/// Throws Error (preflight): no kubectl, no helm or too old, no such
/// context …
/// `kube_context`: instead of --context, of a Redis that this machine knows with its cluster.
ClusterSession choose_cluster(Context& context, const std::string& name_space, NeedsHelm needs_helm,
                              const std::string& kube_context = {});

/// "Cluster k3s-dev (https://10.0.0.5:6443), namespace raibid-redis".
std::string describe(const Kubectl& kubectl);

/// Where a pod finds its token, the cluster's certificate and its namespace.
inline constexpr const char* service_account_folder = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The cluster of this pod; std::nullopt when this is no pod, or one without a token.
std::optional<Cluster> cluster_of_this_pod(const Environment& environment, const fs::path& folder);

/// When a question asked now counts as not answered: see answer_deadline.
TimePoint question_deadline(const Context& context);

}  // namespace raibid
