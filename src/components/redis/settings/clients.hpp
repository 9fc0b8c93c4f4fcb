#pragma once

#include <string>

#include "components/redis/settings/settings.hpp"

namespace raibid {

/// "NAMESPACE" or "NAMESPACE/KEY=VALUE[,KEY=VALUE…]". Throws Error (usage); `what` names the option or the preset's
/// key.
Client parse_client(const std::string& text, const std::string& what);

/// The same, back.
std::string to_string(const Client& client);

}  // namespace raibid
