#pragma once

#include <string>

#include "components/context.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// The apiVersion under which the cluster serves a kind: the one that its group prefers, else another that has the
/// kind.
/// "" when the group or the kind is not there, or this login may not ask.
std::string served_api(Context& context, const Kubectl& kubectl, const std::string& group, const std::string& kind);

}  // namespace raibid
