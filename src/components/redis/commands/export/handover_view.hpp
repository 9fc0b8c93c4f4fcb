#pragma once

#include <string>
#include <vector>

#include "components/context.hpp"
#include "components/redis/commands/export/manifests.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/settings/settings.hpp"
#include "config/option.hpp"

namespace raibid {

/// An installed Redis as its application sees it, for the exports that need its parts.
struct HandoverView {
  RedisSettings settings;
  InstalledRedis seen;  ///< with the host that the application is handed
  std::string service;  ///< the Service's short name
  Handover handover;
};

/// Throws as `export secret` does.
HandoverView look_at_handover(Context& context);

/// --app-namespace and --name.
std::vector<OptionSpec> handover_option_rows();

}  // namespace raibid
