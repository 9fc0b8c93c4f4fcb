#pragma once

#include <string>

namespace raibid {

/// The cluster a run works on, chosen once and handed to every child.
struct Cluster {
  std::string kubeconfig;  ///< for --kubeconfig; "" leaves KUBECONFIG or kubectl's default to the child
  std::string context;
  std::string server;
  std::string name;               ///< the kubeconfig's name for the cluster
  std::string context_namespace;  ///< the context's own default namespace, "" when it has none
};

}  // namespace raibid
