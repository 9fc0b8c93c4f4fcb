#pragma once

#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/settings.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// The settings as an installed release can have them. What only the preset says gives way to what is there: the image,
/// since an older server may not read a newer one's data, and the component label, which a StatefulSet's selector
/// holds.
RedisSettings as_installed(const RedisSettings& settings, const Observed& observed);

/// Refuses (Error preflight, before anything is changed) what Kubernetes does not let anybody change in place, and what
/// helm would only find out in the middle: another chart, data on disk or not, the claim's StorageClass, a claim that
/// should grow and cannot, a further Service that is someone else's.
void refuse_unchangeable(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                         const Kubectl& kubectl);

/// Whether the claim is to grow: a smaller size is no wish to shrink it, which no claim can.
bool claim_is_to_grow(const Observed& observed, const RedisSettings& settings);

/// "the claim has 20Gi, and stays so (8Gi were asked for): no claim can shrink"; "" when that is not asked for.
std::string about_shrinking(const Observed& observed, const RedisSettings& settings);

}  // namespace raibid
