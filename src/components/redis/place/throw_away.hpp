#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "components/context.hpp"
#include "components/redis/settings/settings.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// A Redis that has loaded a backup, away from the live one, and goes with the object.
class ThrowAwayRedis {
 public:
  virtual ~ThrowAwayRedis() = default;
  virtual std::unique_ptr<RedisConnection> connect() = 0;
  /// "namespace jobs-drill-1a2b3c", "a server of this machine".
  virtual std::string where() const = 0;
};

/// Starts it: for a Redis of a cluster in a namespace of its own there, with the image and the memory of the live one,
/// else as a process of this machine. Throws Error: preflight where that cannot be had, failure when the file is not
/// loaded.
std::unique_ptr<ThrowAwayRedis> open_throw_away(Context& context, const RedisSettings& settings,
                                                const std::filesystem::path& rdb);

}  // namespace raibid
