#pragma once

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "components/redis/settings/settings.hpp"

namespace raibid {

/// A choice that is risky, though Redis would run with it. The name is stable: `accepted:` of a preset silences it, and
/// --strict makes an error of it. docs/advice.md has a section for each.
struct AdviceRule {
  std::string_view name;
  bool (*applies)(const RedisSettings& settings);
  std::string (*reason)(const RedisSettings& settings);
  std::string (*better)(const RedisSettings& settings);  ///< the value to choose instead
};

/// THE table.
const std::vector<AdviceRule>& advice_rules();

struct Advice {
  std::string name;
  std::string reason;
  std::string better;
  std::string accepted;  ///< the preset's reason for living with it; "" when nobody does
};

/// What applies to these settings, in the order of the table. Throws Error (usage) for an accepted name that is no
/// rule.
std::vector<Advice> advise(const RedisSettings& settings);

/// What only shows when it runs; empty where that is not known.
struct SeenRedis {
  std::string version{};              ///< "7.0.15", "valkey 8.1.1"
  std::vector<std::string> places{};  ///< the cluster's node of each pod
};

/// What applies to these settings and to what was seen.
std::vector<Advice> advise(const RedisSettings& settings, const SeenRedis& seen);
/// The advice of that name about what was seen; nothing where it does not apply.
std::optional<Advice> find_advice(std::string_view name, const RedisSettings& settings, const SeenRedis& seen);

/// Whether a Redis of that version keeps the lag of a group over a restart and a failover: Redis 7.4, Valkey 8.0 and
/// newer. True for a version that cannot be read.
bool keeps_lag(const std::string& version);

/// Warns of what nobody accepted, and says what was accepted in a detail (-v). Throws Error (usage) instead when
/// `settings.strict` and there is anything to warn of.
void give_advice(const Context& context, const RedisSettings& settings);

/// Warns of what was seen and nobody accepted; never an error, for it is too late for that.
void give_advice(const Context& context, const RedisSettings& settings, const SeenRedis& seen);

/// A list of {name, reason, better, accepted: null or the reason}.
nlohmann::ordered_json advice_json(const RedisSettings& settings, const SeenRedis& seen = {});

}  // namespace raibid
