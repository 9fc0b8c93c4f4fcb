#pragma once

#include <string>

namespace raibid {

/// A Service of a cluster that leads to a Redis of someone else: --adopt-service [USER@][NAMESPACE/]NAME.
struct AdoptedService {
  std::string name_space;
  std::string name;
  std::string user{};  ///< "" for the default user

  /// "shop/redis-master".
  std::string text() const { return name_space + "/" + name; }
  /// As the cluster's pods reach it.
  std::string host() const { return name + "." + name_space + ".svc.cluster.local"; }
  bool operator==(const AdoptedService&) const = default;
};

/// `name_space` is meant where none is named; `what` is how the option was given. Throws Error (usage).
AdoptedService parse_adopted_service(const std::string& text, const std::string& name_space, const std::string& what);

}  // namespace raibid
