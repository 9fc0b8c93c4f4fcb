#pragma once

#include <optional>
#include <string>

#include "components/context.hpp"
#include "components/redis/server/users.hpp"
#include "components/redis/settings/settings.hpp"
#include "components/redis/settings/spec.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// An installed Redis as its clients see it.
struct InstalledRedis {
  std::string host;
  int port = 6379;
  Secret password;
  Spec record{};             ///< what it was set up with; empty for one not set up by raibid-cli
  std::string name_space{};  ///< it was set up with; "" when its record has none
  std::string username{};    ///< "" for the default user
  int database = 0;
  Login admin{};                   ///< what raibid-cli logs in with for its own work; empty where that is the same
  SecretContent content{};         ///< all that its Secret, or its folder, has
  std::optional<TlsClient> tls{};  ///< how its clients speak TLS; none: it is plain

  Login login() const { return {username, password}; }
};

/// That of this machine. Throws Error (not_installed) when it is not there.
InstalledRedis find_local(Context& context, const RedisSettings& settings);

/// Throws the Error (not_installed) for a release that was removed and whose data are kept: "claim NAME", a folder.
[[noreturn]] void throw_removed(const Context& context, const std::string& subject, const std::string& data);

/// Throws the Error for a release that is not there.
[[noreturn]] void throw_not_installed(const Context& context, const std::string& subject);

}  // namespace raibid
