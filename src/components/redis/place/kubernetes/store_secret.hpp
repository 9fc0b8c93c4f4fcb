#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/secret.hpp"
#include "components/context.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/settings/existing_secret.hpp"
#include "components/redis/settings/naming.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// Who keeps this Secret and would take back what anybody else writes: "ExternalSecret queue", "Sealed Secrets". By its
/// owner references, and by the labels and annotations that the controllers document. "" when nobody says so.
std::string controller_of(const nlohmann::json& secret);

/// The password in a Secret that something else keeps. Read alone: nothing of ours writes or removes that Secret.
/// Throws Error (preflight) when the Secret or the key is missing, or holds no password that Redis and its clients can
/// have.
Secret read_existing_secret(Context& context, const Kubectl& kubectl, const SecretReference& reference);

/// Whether Redis did not know the password.
bool is_refused_password(const Error& error);

/// Whether the release's own Secret is the one that --existing-secret names: then it is read, and never written.
bool kept_by_store(const RedisSettings& settings, const RedisNames& names);

/// The keys that these settings need of a Secret which setup does not write, and which it lacks.
std::vector<std::string> missing_keys(const Observed& observed, const RedisSettings& settings);

/// Throws Error (preflight) when the release's own Secret belongs to a controller, and --existing-secret does not name
/// it; or names it, and it cannot be used as it is.
void refuse_kept_secret(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                        const Scope& scope);

}  // namespace raibid
