#pragma once

#include <string>
#include <vector>

#include "components/context.hpp"

namespace raibid {

/// What a kubeconfig names, for completion. Read from the files that kubectl would read (--kubeconfig, else the list in
/// KUBECONFIG, else ~/.kube/config, else k3s's), as kubectl merges them: the first to name something wins. No program
/// is started, and a file that cannot be read is left out.
struct KubeconfigNames {
  struct One {
    std::string name{};
    std::string name_space{};  ///< its default namespace, "" when it has none
    std::string server{};      ///< "" when its cluster is not there
    bool asks = false;         ///< its credentials come from a program, which may ask somebody for something
  };
  std::vector<One> contexts;
  std::string current;

  /// That of `name`, or the current one when it is ""; nullptr when it is not there.
  const One* find(const std::string& name) const;
};

KubeconfigNames kubeconfig_names(const Context& context);

}  // namespace raibid
