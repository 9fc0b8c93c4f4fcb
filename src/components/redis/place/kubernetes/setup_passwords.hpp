#pragma once

#include "base/secret.hpp"
#include "components/context.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/settings.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// Those that this run goes by: known from an earlier one, or new.
struct Passwords {
  Secret application;  ///< empty without a password
  Secret admin;        ///< of `admin`; empty while the application's user is `default`
  const Secret& handed_out() const { return next.empty() ? application : next; }
  Secret next{};  ///< a second one of the application, which is to be handed out from now on; mostly empty
};

/// Those that are there stay; without one a new one is made. Throws Error (preflight) when Redis runs with one that is
/// not known here, and Error (usage) when another one is asked for that it cannot be given.
Passwords choose_passwords(Context& context, const Observed& observed, const RedisSettings& settings,
                           const RedisNames& names, const Kubectl& kubectl);

}  // namespace raibid
