#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "components/redis/server/users.hpp"
#include "sys/clock.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

class Random;
/// The application's user gets a second password, `next`, beside the one that it has; applications are handed the new
/// one. `now` says since when both are valid.
SecretContent with_second_password(SecretContent present, const Secret& next, WallTime now);
/// The application's user keeps the password that applications are handed, and no other.
SecretContent with_one_password(SecretContent present);
/// Since when two passwords hold; std::nullopt when one does.
std::optional<WallTime> rotated_at(const SecretContent& content);

/// The users with a job of their own that have a password: admin, exporter, trim, tls, backup, and those of several
/// nodes. Each gets a second one, which the pods and raibid-cli use from their next start on.
SecretContent with_second_internal_passwords(SecretContent present, Random& random, WallTime now);
/// The same with the new ones alone. The exporter keeps the old one as well unless it `has_restarted`: it reads its
/// password once, when it starts.
SecretContent with_one_internal_password(SecretContent present, bool exporter_has_restarted);
std::optional<WallTime> internal_rotated_at(const SecretContent& content);

/// A connection of a user, as CLIENT LIST tells of it.
struct UserConnection {
  std::string id;
  std::string address;  ///< without the port
  std::string name;     ///< that the client gave itself, or ""
};
/// The connections of this user that are older than `since`: which password they came with Redis does not say, but it
/// was an older one.
std::vector<UserConnection> connections_before(const std::string& client_list, const std::string& user, WallTime since,
                                               WallTime now);

}  // namespace raibid
