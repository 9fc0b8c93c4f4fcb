#pragma once

#include "base/secret.hpp"
#include "components/redis/server/users.hpp"

namespace raibid {

/// What a Secret has for a Redis of several nodes, beside what SecretContent names:
///   internal-password  of the users `replica` (redis) and `sentinel` (redis and its sentinels)
///   replication.conf   with what a replica logs in to its master
///   sentinel.conf      who may do what at a sentinel, and with what it logs in
inline constexpr const char* internal_password_key = "internal-password";
inline constexpr const char* replication_conf_key = "replication.conf";
inline constexpr const char* sentinel_conf_key = "sentinel.conf";

inline constexpr const char* sentinel_user = "sentinel";
inline constexpr const char* replica_user = "replica";
/// What the sentinels call the group of master and replicas: the chart's sentinel.masterSet.
inline constexpr const char* master_set = "mymaster";

/// `present` with the users by which the nodes of one Redis know each other, with this password. `health` may ask for
/// the role, too: probes and proxies go by that. At a sentinel the application's password lets in whoever only asks.
SecretContent with_node_users(SecretContent present, const Secret& password);

/// `present` with what follows from its other keys: replication.conf has its internal password, and sentinel.conf lets
/// in whom users.acl lets in. Call it after a password of `present` has changed. With one node `present` is returned as
/// it is.
SecretContent with_node_files(SecretContent present);

/// `present` without them: there is one node alone.
SecretContent without_node_users(SecretContent present);

/// What raibid-cli logs in with at a sentinel; empty where there are no passwords.
Login sentinel_login(const SecretContent& content);

}  // namespace raibid
