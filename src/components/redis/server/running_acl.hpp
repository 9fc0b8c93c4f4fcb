#pragma once

#include <string>
#include <vector>

#include "base/secret.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// A user whose rights in the running server are not those of the ACL file.
struct AclDifference {
  std::string user;
  std::string text;      ///< "user health may do +@all instead of -@all +ping"; never holds a password or its hash
  bool unknown = false;  ///< the file does not have this user: someone made it in the running server
};

/// Compares ACL LIST with `file` (users.acl). An exporter's password may be another one, for it keeps the one that it
/// was started with. Throws Error (failure) when Redis refuses the question.
std::vector<AclDifference> acl_differences(RedisConnection& redis, const Secret& file);

/// Gives each user of the file its rights again (ACL SETUSER, which breaks no connection), and checks it. Users that
/// the file does not have are left alone. Returns what was changed. Throws Error (failure) when one stays different.
std::vector<std::string> settle_acl(RedisConnection& redis, const Secret& file);

/// Lets everybody in whom `file` lets in, and takes nothing from anybody: users that are not there are made, and the
/// others are turned on and get the file's passwords beside those that they have (ACL SETUSER).
void let_in(RedisConnection& redis, const Secret& file);

/// The SHA-256 of each password that this user has in the running server.
std::vector<std::string> running_passwords(RedisConnection& redis, const std::string& user);

}  // namespace raibid
