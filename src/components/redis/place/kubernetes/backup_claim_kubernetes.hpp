#pragma once

#include "components/redis/place/backup_claim.hpp"

namespace raibid {

/// See open_backup_claim.
std::unique_ptr<BackupClaim> open_backup_claim_kubernetes(Context& context, const RedisSettings& settings,
                                                          const std::string& claim);

}  // namespace raibid
