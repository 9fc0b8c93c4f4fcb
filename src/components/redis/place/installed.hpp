#pragma once

#include <optional>
#include <string>

#include "components/context.hpp"
#include "components/redis/server/credentials.hpp"
#include "components/redis/server/users.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/settings.hpp"
#include "components/redis/settings/spec.hpp"
#include "tools/kubectl.hpp"
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

/// Both throw Error (not_installed) when it is not there. The password is the cluster's (the release's own) one, not
/// the credentials file's: the cluster is what clients have to agree with.
InstalledRedis find_on_kubernetes(Context& context, const Kubectl& kubectl, const RedisNames& names,
                                  const RedisSettings& settings);
InstalledRedis find_local(Context& context, const RedisSettings& settings);

/// A cluster's record with the folders of its files, where this user's credentials file knows them.
Spec with_folders_of_this_machine(const Context& context, Spec record, const std::string& cluster,
                                  const std::string& name_space, const std::string& release);

/// Throws the Error for a release that is not there.
[[noreturn]] void throw_not_installed(const Context& context, const std::string& subject);

}  // namespace raibid
