#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/preset.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

using SmokeParameters = std::map<std::string, std::string>;

/// What a smoke operation works with: connections to the real server, and names under a prefix of its own.
class SmokeBench {
 public:
  SmokeBench(std::function<std::unique_ptr<RedisConnection>()> connect, const Preset& preset, std::string prefix);

  /// The connection for whatever needs only one.
  RedisConnection& redis() { return *m_redis; }
  /// Another client.
  std::unique_ptr<RedisConnection> connect() { return m_connect(); }
  const Preset& preset() const { return m_preset; }

  /// A key under the prefix.
  std::string key(const std::string& name) const { return m_prefix + name; }
  /// Removes every key under the prefix. Throws Error when one remains.
  void clean();

 private:
  std::function<std::unique_ptr<RedisConnection>()> m_connect;
  const Preset& m_preset;
  std::string m_prefix;
  std::unique_ptr<RedisConnection> m_redis;
};

/// Something an application does with its Redis, done for real: what a preset's SmokeOperation of that name means.
struct SmokeTest {
  std::string_view name;
  std::string_view summary;
  /// Returns what was proved, with numbers; throws Error (failure) when it does not hold.
  std::string (*run)(SmokeBench& bench, const SmokeParameters& parameters);
};

/// All of them, by name; a preset's `smoke` picks.
const std::vector<SmokeTest>& smoke_tests();

/// Throws Error (failure) with `what` unless `holds`.
void expect(bool holds, const std::string& what);

/// The operations, one file for each application's kind of work.
std::string smoke_stream_queue(SmokeBench& bench, const SmokeParameters& parameters);
std::string smoke_dead_consumer(SmokeBench& bench, const SmokeParameters& parameters);
std::string smoke_stream_limit(SmokeBench& bench, const SmokeParameters& parameters);

}  // namespace raibid
