#pragma once

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <string>
#include <vector>

#include "base/junit.hpp"
#include "components/component.hpp"
#include "components/redis/server/check_reason.hpp"
#include "components/redis/server/redis_facts.hpp"
#include "components/scope.hpp"

namespace raibid {

/// One thing that was looked at.
struct Check {
  std::string name;
  bool passed = false;
  std::string text;
  std::string hint = {};  ///< what to do when it did not pass
  bool unknown = false;   ///< this Redis may not be asked: shown as –, and no reason to call it unhealthy
  /// What was looked at, where there may be several: a pod, a claim, a stream.
  std::string object = {};
  CheckReason reason = CheckReason::none;  ///< set by HealthReport::add

  std::string word = {};  ///< its id, where that is not its name
  bool warning = false;   ///< it passed, and is worth a look: shown as !, with reason and hint

  bool has_hint() const { return !hint.empty() && !unknown && (!passed || warning); }

  /// One word for scripts, which stays what it is: "cluster-mode" for "cluster mode".
  std::string id() const;
};

/// "✓", "!", "✗" or "–", painted.
std::string mark_of(const Check& check, bool color);

/// What `status` and `doctor` judge: the checks in order, and the facts as data with stable keys (docs/status.md).
class HealthReport {
 public:
  HealthReport();
  ~HealthReport();
  HealthReport(HealthReport&&) noexcept;

  /// The flags that name this Redis again: hints with a command of ours are built with it.
  const Scope& scope() const { return m_scope; }
  void set_scope(Scope scope) { m_scope = std::move(scope); }

  /// A check that passed, or that could not be made.
  void add(Check check) { add(std::move(check), CheckReason::failed); }
  /// `reason` is for one that did not pass, or is a warning.
  void add(Check check, CheckReason reason);
  nlohmann::ordered_json& data() { return *m_data; }
  bool healthy() const;
  const std::vector<Check>& checks() const { return m_checks; }

 private:
  Scope m_scope;
  std::vector<Check> m_checks;
  std::unique_ptr<nlohmann::ordered_json> m_data;
};

/// Judges what Redis told: PONG, role, settings, persistence, memory, streams and groups, a check each. A Redis that
/// does not answer is a check that fails.
void examine_redis(const RedisFacts& facts, HealthReport& report);
/// Adds the warning that Redis has lost count of what waits for a group.
void examine_lost_lag(const std::string& stream, const std::string& group, HealthReport& report);
/// The same facts under the keys `redis`, `streams` and `passed_limits`.
void add_redis_data(const RedisFacts& facts, nlohmann::ordered_json& data);

/// {amount, seconds}, or null.
nlohmann::ordered_json growth_data(const std::optional<Growth>& growth);

/// The report as data: `healthy`, what was found, the checks.
nlohmann::ordered_json report_data(HealthReport& report);

/// The checks as tests: one that may not be made is skipped.
std::vector<JunitCase> junit_cases(const HealthReport& report);

/// The report as text, JSON, YAML or JUnit's XML, with the exit code that goes with it.
CommandResult render_report(const Context& context, const std::string& title, HealthReport& report);

}  // namespace raibid
