#pragma once

#include <string>
#include <vector>

#include "components/context.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/kubernetes/release.hpp"
#include "components/redis/server/credentials.hpp"
#include "components/redis/settings/settings.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// How messages call a release: "release raibid-redis in namespace jobs of k3s-dev".
std::string subject_of(const Kubectl& kubectl, const std::string& release);

/// Asks for one release, and for the Services that its spec (or `services`) names. Throws Error (preflight) when the
/// cluster does not answer.
Release look_at_release(Context& context, const Kubectl& kubectl, const std::string& release,
                        const std::vector<std::string>& services);

/// What a release with replicas has for its further nodes, of which it was set up with `nodes` in all: pods and claims.
std::vector<std::string> objects_of_nodes(const RedisNames& names, int nodes);

/// For the replicas that another chart makes; nullopt for a release of ours, which has none of these.
std::optional<Command> look_at_followers(const Kubectl& kubectl, const Release& found);

/// A claim whose release a teardown removed, and which it kept.
struct KeptClaim {
  std::string name_space, release, claim;
};

/// Every release of the cluster that setup made, and the claims that are kept of others. A login that may not look into
/// all namespaces sees those of `credentials`, and no kept claims. Throws as look_at_release.
std::vector<Release> look_at_all_releases(Context& context, const Kubectl& kubectl,
                                          const std::vector<Credentials>& credentials, std::vector<KeptClaim>& kept);

/// The Redis of a release as its clients see it: asks for its StatefulSet and Secret alone. The password is the
/// cluster's, not the credentials file's: the cluster is what clients have to agree with. Throws Error (not_installed)
/// when it is not there.
InstalledRedis find_on_kubernetes(Context& context, const Kubectl& kubectl, const RedisSettings& settings);

/// A cluster's record with the folders of its files, where this user's credentials file knows them.
Spec with_folders_of_this_machine(const Context& context, Spec record, const std::string& cluster,
                                  const ReleaseName& id);

}  // namespace raibid
