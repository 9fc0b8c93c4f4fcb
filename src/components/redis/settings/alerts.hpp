#pragma once

#include <string>
#include <vector>

#include "components/redis/settings/settings.hpp"

namespace raibid {

/// A rule of Prometheus for one Redis (docs/monitoring.md has the table, docs/runbook.md a section for each).
struct Alert {
  std::string name;
  std::string expression;
  const char* lasts;  ///< how long it has to hold, as Prometheus writes a duration
  const char* severity;
  std::string summary;
  std::string description;
  std::string command;  ///< what to run first
};

std::vector<Alert> alerts_of(const RedisSettings& settings);

/// The key of a list of Asynq's: pending, active, scheduled, retry, archived.
std::string asynq_key(const std::string& queue, const char* state);

}  // namespace raibid
