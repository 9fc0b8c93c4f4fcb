#pragma once

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.hpp"
#include "components/component.hpp"
#include "components/scope.hpp"
#include "config/preset.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// One thing that was looked at.
struct Check {
  std::string name;
  bool passed = false;
  std::string text;
  std::string hint = {};  ///< what to do when it did not pass
  bool unknown = false;   ///< this Redis may not be asked: shown as –, and no reason to call it unhealthy
};

/// What `status` found: the checks in order, and the same facts as data with stable keys (docs/status.md).
class HealthReport {
 public:
  HealthReport();
  ~HealthReport();
  HealthReport(HealthReport&&) noexcept;

  /// The flags that name this Redis again: hints with a command of ours are built with it.
  const Scope& scope() const { return m_scope; }
  void set_scope(Scope scope) { m_scope = std::move(scope); }

  void add(Check check) { m_checks.push_back(std::move(check)); }
  nlohmann::ordered_json& data() { return *m_data; }
  bool healthy() const;
  const std::vector<Check>& checks() const { return m_checks; }

 private:
  Scope m_scope;
  std::vector<Check> m_checks;
  std::unique_ptr<nlohmann::ordered_json> m_data;
};

/// What a Redis was set up with, as far as its health depends on it.
struct Expectation {
  std::vector<std::pair<std::string, std::string>> directives;
  std::vector<StreamSpec> streams;
  Secret acl = {};  ///< the ACL file that the server was given; empty when it has none
  /// Somebody else runs it, and it may forbid INFO and CONFIG: what it is set to is shown and held against nothing.
  bool foreign = false;
};

/// Looks at Redis itself: PONG, role, settings, persistence, memory, streams and groups. A Redis that does not answer
/// is a check that fails, not an Error.
void examine_redis(RedisConnection& redis, const Expectation& expected, HealthReport& report);

/// The report as data: `healthy`, what was found, the checks.
nlohmann::ordered_json report_data(HealthReport& report);

/// The report as text, JSON or YAML, with the exit code that goes with it.
CommandResult render_report(const Context& context, const std::string& title, HealthReport& report);

}  // namespace raibid
