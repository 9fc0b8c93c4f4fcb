#pragma once

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "components/context.hpp"
#include "components/kubernetes/deletion.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/settings.hpp"
#include "components/scope.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// With which a command in a hint acts on the same Redis.
Scope scope_of(const Kubectl& kubectl, const std::string& release);

/// What to do, a line each with its command, while Redis still runs on a claim that is being deleted. `volume` is the
/// claim's PersistentVolume, "" when it is not known.
std::vector<std::string> how_to_keep_data(const Kubectl& kubectl, const std::string& release,
                                          const std::string& volume);

/// A claim that is being deleted is held by the pod that uses it alone: the next restart of Redis loses its data. The
/// Error (preflight) that says so; empty when there is no such claim.
std::optional<Error> refuse_restart(Context& context, const Kubectl& kubectl, const std::string& release,
                                    TimePoint deadline);

/// Throws Error (preflight) when an object of the release is being deleted: setup must neither build on it nor restart
/// Redis meanwhile.
void refuse_deletions(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                      const Kubectl& kubectl);

/// For teardown: only the claim matters that it is to keep.
void refuse_losing_claim(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                         const Kubectl& kubectl);

/// After `helm uninstall`: Throws Error (failure) when the StatefulSet stays, with the reason and the way out. One that
/// is on its way out is given until `until`.
void check_workload_gone(Context& context, const Kubectl& kubectl, const RedisNames& names, TimePoint until,
                         TimePoint deadline);

/// The StatefulSet says that it belongs to the release, but Helm has no record of the release: Redis may run, and
/// nothing but a delete by hand removes it.
bool was_left_behind(const Observed& observed, const RedisSettings& settings);
Error left_behind(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                  const Kubectl& kubectl);

}  // namespace raibid
