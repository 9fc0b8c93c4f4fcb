#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "components/context.hpp"
#include "components/redis/server/health.hpp"
#include "components/redis/server/usage.hpp"

namespace raibid {

/// How full the place is that a Redis keeps its data in.
struct Storage {
  enum class From {
    kubelet,  ///< its stats/summary
    pod,      ///< df and du in the pod
    folder,   ///< of this machine
  };
  std::string place;          ///< the claim, or the folder
  std::int64_t used = 0;      ///< bytes, by this Redis
  std::int64_t free = 0;      ///< that it can still have
  std::int64_t capacity = 0;  ///< of the volume, or of the disk
  bool shared = false;        ///< others fill it, too: a node's disk, this machine's
  From from = From::folder;
  std::optional<Growth> growth{};
};

/// More than a tenth of it is free, and what a rewrite of the AOF needs.
bool has_room(const Storage& one);

/// A check for each: red when less than a tenth of a volume of its own is free, or less than the data take on a shared
/// disk (a rewrite of the AOF needs that); yellow when at this rate it is full within four days, or less than a tenth
/// of a shared disk is free.
void examine_storage(const std::vector<Storage>& all, HealthReport& report);

/// `storage` of the data: a list.
nlohmann::ordered_json storage_data(const std::vector<Storage>& all);

/// Adds what was seen to the history of this Redis, and what grew since to the facts; a dry run writes nothing.
/// `what` as UsageHistory has it, or the folder of a server of this machine, in which it is kept then.
void take_trend(const Context& context, const std::string& what, RedisFacts& redis, std::vector<Storage>& storage);

}  // namespace raibid
