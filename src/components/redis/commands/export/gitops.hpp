#pragma once

#include <vector>

#include "components/component.hpp"

namespace raibid {

/// `export helm-release`, `argocd-application` and `kustomize`: files with which Flux, Argo CD and kustomize make what
/// setup would. Without a secret: they name the one that Redis takes its password from.
std::vector<ComponentCommand> gitops_exports();

}  // namespace raibid
