#pragma once

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

enum class NeedsHelm { no, yes };

/// Resolves kubeconfig and context (--kubeconfig, else KUBECONFIG, else ~/.kube/config, else /etc/rancher/k3s/k3s.yaml)
/// and asks helm for its version side by side. Throws Error (preflight): no kubectl, no helm or too old, no such
/// context …
ClusterSession choose_cluster(Context& context, const std::string& name_space, NeedsHelm needs_helm);

/// "Cluster k3s-dev (https://10.0.0.5:6443), namespace raibid-redis".
std::string describe(const Kubectl& kubectl);

/// How long a question to the API server may take before the cluster counts as not answering.
TimePoint question_deadline(const Context& context);

}  // namespace raibid
