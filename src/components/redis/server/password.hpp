#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "components/redis/server/users.hpp"
#include "sys/clock.hpp"

namespace raibid {

class Random;

/// 32 characters of A-Z a-z 0-9, each equally likely (bytes that would favour some are thrown away).
Secret generate_password(Random& random);

/// What is wrong with a password for a Redis of ours, as words that follow a name ("is empty"); "" when nothing is.
/// Repeats nothing of it.
std::string password_problem(std::string_view password);

/// A password that we give a Redis, or one that a Redis of someone else has: that can be of any form.
enum class PasswordFor { our_redis, other_redis };

/// The first line of a file: 8 to 512 printable ASCII characters without space; of another Redis 1 to 512 bytes. Throws
/// Error (usage).
Secret read_password_file(const std::string& path, TimePoint until = TimePoint::max(),
                          PasswordFor whose = PasswordFor::our_redis);

/// Who trims by itself: a user that may run the safe trim on these streams, and nothing else.
struct TrimUser {
  Secret password;                   ///< empty: there is no such user
  std::vector<std::string> streams;  ///< keys
};

/// The application's user, when it is not `default`, and the password of `admin`, who is there with it.
struct ApplicationUser {
  UserSpec user{};
  Secret admin_password{};
};

/// The line of the user of health checks.
inline constexpr const char* health_user_line = "user health on nopass resetchannels -@all +ping\n";

/// The ACL file: the application's user with the password's SHA-256 (or nopass; application_lines), `health` for
/// probes, which may only PING, `exporter` (when it has a password), which may only read what metrics need, and `trim`.
std::string acl_file(const Secret& password, const Secret& exporter_password, const TrimUser& trim = {},
                     const ApplicationUser& application = {});

/// What the Secret holds, by key: users.acl, exporter.json, trim-password and what SecretContent names. A password that
/// is empty has no key.
SecretContent secret_content(const Secret& password, const Secret& exporter_password, const TrimUser& trim = {},
                             const ApplicationUser& application = {});

/// exporter.json with every address that the exporter may ask by; one of an older version lacks the socket.
Secret with_every_address(const Secret& exporter_file);

/// The key of the user `tls`, who is there while a CronJob lets Redis read its certificate again.
inline constexpr const char* reload_password_key = "tls-password";
/// `present` with that user, who may do nothing but CONFIG SET, with this password; and without it.
SecretContent with_reload_user(SecretContent present, const Secret& password);
SecretContent without_reload_user(SecretContent present);

/// The key of the user `backup`, who is there while backups are taken by a schedule.
inline constexpr const char* backup_password_key = "backup-password";
/// `present` with that user, who may do nothing but copy, with this password or, when it has one, that of before.
SecretContent with_backup_user(SecretContent present, const Secret& password);
/// Whether `present` lacks that user, or has it with other rights.
bool lacks_backup_user(const SecretContent& present);

/// An ACL file with this trim user instead of the one it has, if any; its other users stay as they are.
Secret with_trim_user(const Secret& acl, const TrimUser& trim);

}  // namespace raibid
