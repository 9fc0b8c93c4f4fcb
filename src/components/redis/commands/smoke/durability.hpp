#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "components/component.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/settings/redis_conf.hpp"
#include "components/redis/settings/settings.hpp"
#include "sys/clock.hpp"

namespace raibid {

/// How old a write that Redis acknowledged may be and yet be lost by a crash.
struct DurabilityPolicy {
  std::string text;  ///< "AOF everysec"
  Duration may_lose{};
};

/// From appendonly, appendfsync and save, as CONFIG GET gives them (redis.io/docs/management/persistence): always loses
/// nothing; everysec a second, and a second more when the disk is late; no what Linux keeps back, half a minute;
/// snapshots the longest of their times. std::nullopt when nothing is kept on disk.
std::optional<DurabilityPolicy> durability_policy(const std::string& appendonly, const std::string& appendfsync,
                                                  const std::string& save);

/// Writes that were acknowledged, numbered from 0, and what is there of them after a crash.
struct Durability {
  DurabilityPolicy policy;
  std::int64_t acknowledged = 0, survived = 0, lost = 0;
  std::optional<Duration> oldest_lost;  ///< from its acknowledgement to the crash
  Duration answered_after{};            ///< from the crash to the first answer

  bool holds() const { return !oldest_lost || *oldest_lost <= policy.may_lose; }
};

Durability judge_durability(const DurabilityPolicy& policy, const std::vector<TimePoint>& acknowledged,
                            const std::set<std::int64_t>& there, TimePoint crash, TimePoint answer);

/// `smoke redis --durability`: asks, kills Redis in the middle of acknowledged writes (SIGKILL on this machine; on a
/// cluster its pod, with a second of grace), and tells what survived. Exit code 0 only when nothing was lost that the
/// policy does not allow.
CommandResult smoke_durability(Context& context, Place& place);

}  // namespace raibid
