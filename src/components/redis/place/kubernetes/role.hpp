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

/// What restore needs beside them: a pod of its own, and programs in it.
std::vector<RoleRule> restore_rules();

/// For `doctor --role`: the Role of the namespace, that of a restore, one for each other namespace in which the preset
/// has a Service, and a ClusterRole of what is good to have and done without. YAML for kubectl apply.
std::string role_manifests(const RedisSettings& settings);

}  // namespace raibid
