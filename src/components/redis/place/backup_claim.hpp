#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "components/context.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// The backups that a schedule leaves in a claim of the cluster. Everything throws Error (failure) with kubectl's
/// words.
class BackupClaim {
 public:
  virtual ~BackupClaim() = default;
  struct Entry {
    std::string name;  ///< of the .rdb
    std::int64_t bytes = 0;
    std::optional<std::string> manifest;  ///< the .json beside it
  };
  virtual std::vector<Entry> list() = 0;
  /// Brings one to this machine.
  virtual void download(const std::string& name, const std::filesystem::path& to) = 0;
  /// Replaces a small file as a whole.
  virtual void write(const std::string& name, const std::string& content) = 0;
  /// What is not there is fine.
  virtual void remove(const std::string& name) = 0;
};

/// Starts a pod with the claim and the image of Redis, which goes with the object. `claim`: its name, "" for the one
/// that setup makes. Throws Error: usage where there is no cluster, or in a dry run; not_installed without a Redis
/// whose image the pod could have; preflight when there is no such claim, or the rights are missing.
std::unique_ptr<BackupClaim> open_backup_claim(Context& context, const RedisSettings& settings,
                                               const std::string& claim);

}  // namespace raibid
