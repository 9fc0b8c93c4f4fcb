#pragma once

#include <vector>

#include "components/component.hpp"

namespace raibid {

/// `export external-secret|push-secret|secret-provider-class|sealed-secret`: manifests for those who keep passwords in
/// a secret store. None but the sealed one, which is encrypted, has a password in it.
std::vector<ComponentCommand> store_export_commands();

}  // namespace raibid
