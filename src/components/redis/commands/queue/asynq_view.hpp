#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "components/redis/server/job_queue.hpp"

namespace raibid {

/// How tasks and queues of Asynq are shown: as rows of a table, as text, and as objects. The views have a `task`, the
/// facts an `asynq`.

std::vector<std::string> task_headings();
std::vector<std::string> task_row(const JobView& view, std::int64_t now_ms);
std::string task_text(const JobView& view, std::int64_t now_ms);
nlohmann::ordered_json task_json(const JobView& view);

/// "due in 5 min", "waiting for 3 s", …
std::string task_time(const JobView& view, std::int64_t now_ms);

std::string asynq_table(const std::vector<QueueFacts>& queues);
nlohmann::ordered_json asynq_json(const QueueFacts& facts);

}  // namespace raibid
