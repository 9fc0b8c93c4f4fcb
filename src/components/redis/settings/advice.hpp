#pragma once

#include <nlohmann/json_fwd.hpp>

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

/// Warns of what nobody accepted, and says what was accepted in a detail (-v). Throws Error (usage) instead when
/// `settings.strict` and there is anything to warn of.
void give_advice(const Context& context, const RedisSettings& settings);

/// A list of {name, reason, better, accepted: null or the reason}.
nlohmann::ordered_json advice_json(const RedisSettings& settings);

}  // namespace raibid
