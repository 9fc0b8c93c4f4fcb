#pragma once

#include <optional>
#include <string>

#include "components/context.hpp"

namespace raibid {

/// What `kubectl config view -o json` would say, of the one file that kubectl would read, without starting a kubectl:
/// contexts, clusters and users, but no secret of theirs. `kubeconfig` is that of --kubeconfig, or "" for kubectl's own
/// choice; `wanted` a context, or "" for the current one.
///
/// std::nullopt where only kubectl knows: KUBECONFIG is a list, kubectl is a script or another program (k3s and
/// microk8s have a kubeconfig of their own choice), the file is of another form, or does not have that context.
std::optional<std::string> plain_kubeconfig(const Context& context, const std::string& kubeconfig,
                                            const std::string& wanted);

}  // namespace raibid
