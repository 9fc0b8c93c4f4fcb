#pragma once

#include <string>
#include <vector>

#include "components/redis/settings/settings.hpp"

namespace raibid {

/// What an account may do: one rule of a Role, in RBAC's words.
struct RoleRule {
  std::vector<std::string> groups, resources, verbs;
  std::vector<std::string> names{};  ///< only these objects; all of them when empty
};

/// The rights in Redis' own namespace that setup, status, smoke and teardown use.
std::vector<RoleRule> role_rules(const RedisSettings& settings);

/// For `doctor --role`: the Role of the namespace, one for each other namespace in which the preset has a Service, and
/// a ClusterRole of what is good to have and done without. YAML for kubectl apply.
std::string role_manifests(const RedisSettings& settings);

}  // namespace raibid
