#pragma once

#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace raibid {

/// A Redis as a URL names it.
struct RedisAddress {
  std::string host;
  int port = 6379;
  int database = 0;
  std::string username{};  ///< "" for the default user
  Secret password{};       ///< of a variable; no URL of an option or a file may hold one
  bool tls = false;        ///< rediss://

  /// "cache.example.com:6379", with "/2" for another database than the first.
  std::string text() const;
  /// The same as a URL, with the user's name and without the password.
  std::string url() const;
};

enum class PasswordInUrl { refused, allowed };

/// redis[s]://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE] (iana.org/assignments/uri-schemes/prov/redis), user and password
/// percent-encoded. `what` names where it stands. Throws Error (usage) that repeats nothing of the text, for it may
/// hold a password.
RedisAddress parse_redis_url(std::string_view text, const std::string& what, PasswordInUrl password);

}  // namespace raibid
