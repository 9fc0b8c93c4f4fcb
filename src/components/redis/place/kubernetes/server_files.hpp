#pragma once

#include <nlohmann/json_fwd.hpp>

#include <optional>

#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/redis_conf.hpp"

namespace raibid {

/// The files with which the release's server starts, as helm made them of all values: ours, -f and --set.
struct ServerFiles {
  std::optional<Directives> directives;  ///< of redis.conf (and master.conf, Bitnami's); empty when the chart has none
  bool has_acl = false;                  ///< redis.conf names an ACL file
};

/// Reads them from the objects of a release's manifest.
ServerFiles server_files(const nlohmann::json& manifest, const RedisNames& names);

}  // namespace raibid
