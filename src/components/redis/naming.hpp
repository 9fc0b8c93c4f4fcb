#pragma once

#include <string>

namespace raibid {

/// The names of what a release consists of: those of the Bitnami chart's standalone Redis, which the embedded chart keeps.
struct RedisNames {
  explicit RedisNames(const std::string& release, const std::string& name_space);

  std::string full;         ///< the release, or "<release>-redis": also the Secret's name
  std::string workload;     ///< StatefulSet and Service: "<full>-master"
  std::string pod;          ///< "<full>-master-0"
  std::string claim;        ///< "redis-data-<full>-master-0"
  std::string host;         ///< "<full>-master.<namespace>.svc.cluster.local"
  std::string selector;     ///< label selector for everything of the release
};

}  // namespace raibid
