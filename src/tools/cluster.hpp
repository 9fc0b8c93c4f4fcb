#pragma once

#include <memory>
#include <string>

#include "tools/pace.hpp"

namespace raibid {

/// The name that stands for a context where there is no kubeconfig: this pod's service account.
inline constexpr const char* in_cluster_context = "in-cluster";

/// The cluster a run works on, chosen once and handed to every child.
struct Cluster {
  std::string kubeconfig;  ///< for --kubeconfig; "" leaves KUBECONFIG or kubectl's default to the child
  std::string context;
  std::string server;
  std::string name;               ///< the kubeconfig's name for the cluster
  std::string context_namespace;  ///< the context's own default namespace, "" when it has none
  std::string plugin = {};        ///< the program that gets the credentials, "" when they are in the kubeconfig
  bool in_cluster = false;        ///< kubectl and helm find it by themselves: they are told neither file nor context
  std::string proxy = {};         ///< HTTPS_PROXY as it is set, "" when it is not
  std::shared_ptr<ClusterPace> pace = std::make_shared<ClusterPace>();  ///< shared by all that ask this cluster
};

}  // namespace raibid
