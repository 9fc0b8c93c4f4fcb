#pragma once

#include <chrono>
#include <filesystem>
#include <vector>

#include "components/context.hpp"
#include "components/redis/place/kubernetes/release.hpp"
#include "components/redis/place/storage.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// Finds out how full the claims of a release are: by the kubelet's stats/summary where this login may ask nodes and
/// the volume has statistics (one that is a folder of the node has none), else by df and du in the pods, where it may
/// run something there. It asks again after a minute, because a look costs time and storage fills slowly. For that
/// minute the answers of the pods are kept in the home for the next run, unless room is short: then a change should
/// show at once.
class ClaimReader {
 public:
  /// `folder`: where Redis keeps its data in its container; `what` as for usage_file. A claim that cannot be
  /// looked at is left out.
  const std::vector<Storage>& look(const Context& context, const Kubectl& kubectl, const Release& release,
                                   const std::string& folder, const std::string& what, TimePoint until);

 private:
  std::vector<Storage> m_seen;
  std::optional<TimePoint> m_asked;
};

/// How long an answer about storage is used again.
inline constexpr std::chrono::minutes storage_is_known_for{1};
/// Keeps the answers of pods about their claims for the next run, unless room is short.
/// Throws Error when the home cannot be written.
void remember_storage(const Files& files, const std::filesystem::path& file, WallTime now,
                      const std::vector<Storage>& seen);
/// What was kept less than a minute ago; nothing unless it is there for each of these places.
std::vector<Storage> remembered_storage(const std::filesystem::path& file, WallTime now,
                                        const std::vector<std::string>& places);

/// The volume of `claim` in the kubelet's summary of a node (kubernetes:
/// staging/src/k8s.io/kubelet/pkg/apis/stats/v1alpha1).
std::optional<Storage> storage_in_summary(const nlohmann::json& summary, const std::string& name_space,
                                          const std::string& claim);

/// What `df -Pk FOLDER; du -sk FOLDER` printed (POSIX). `claim_bytes`: what the claim was given; a file system that is
/// larger is not its own.
std::optional<Storage> storage_of_df(const std::string& output, const std::string& claim, std::int64_t claim_bytes);

}  // namespace raibid
