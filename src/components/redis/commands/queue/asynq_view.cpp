#include "components/redis/commands/queue/asynq_view.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/strings.hpp"
#include "components/redis/commands/queue/queue_session.hpp"
#include "components/redis/server/job_lines.hpp"
#include "sys/clock.hpp"
#include "ui/table.hpp"
#include "ui/text.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t payload_width = 60;

std::string unix_time(std::int64_t seconds) {
  return rfc3339(std::chrono::system_clock::time_point(std::chrono::seconds(seconds)));
}

/// "in 5 min", "3 min ago"
std::string distance(std::int64_t seconds, std::int64_t now_ms) {
  const std::int64_t left = seconds * 1000 - now_ms;
  return left > 0 ? "in " + age_text(Duration(left)) : age_text(Duration(-left)) + " ago";
}

std::string when(std::int64_t seconds, std::int64_t now_ms) {
  return fmt::format("{} ({})", unix_time(seconds), distance(seconds, now_ms));
}

std::string bytes_text(const std::string& value) {
  return is_utf8(value) ? printable(value) : fmt::format("{} bytes that are not text: -o json has them", value.size());
}

ordered_json time_json(std::int64_t seconds) {
  return seconds > 0 ? ordered_json(unix_time(seconds)) : ordered_json(nullptr);
}

std::string oldest_task_text(const AsynqFacts& tasks) {
  if (tasks.pending == 0) return "-";
  return tasks.oldest_pending ? age_text(*tasks.oldest_pending) : "unknown";
}

std::string active_text(const AsynqFacts& tasks) {
  if (tasks.expired_leases == 0) return with_separators(tasks.active);
  return fmt::format("{} ({} without a worker)", with_separators(tasks.active), with_separators(tasks.expired_leases));
}

}  // namespace

std::string task_time(const JobView& view, std::int64_t now_ms) {
  const AsynqTaskFacts& task = *view.task;
  if (view.deleted) return "the task is gone: evicted, or deleted by hand";
  switch (view.state) {
    case JobState::pending:
      return task.pending_since_ms > 0
                 ? "waiting for " + age_text(Duration(std::max<std::int64_t>(0, now_ms - task.pending_since_ms)))
                 : "";
    case JobState::active:
      return task.lease_until > 0 ? (task.lease_until * 1000 < now_ms ? "lease expired " : "lease ends ") +
                                        distance(task.lease_until, now_ms)
                                  : "";
    case JobState::archived:
      return "archived " + distance(task.score, now_ms);
    case JobState::completed:
      return task.message.completed_at > 0 ? "done " + distance(task.message.completed_at, now_ms) : "done";
    case JobState::scheduled:
    case JobState::retry:
      return "due " + distance(task.score, now_ms);
    default:
      return task.message.group.empty() ? "" : "group " + printable(task.message.group);
  }
}

std::vector<std::string> task_headings() { return {"ID", "STATE", "TYPE", "WHEN", "RETRIED", "ERROR", "PAYLOAD"}; }

std::vector<std::string> task_row(const JobView& view, std::int64_t now_ms) {
  const AsynqMessage& message = view.task->message;
  const auto short_text = [](const std::string& text) {
    return shortened(printable(text.substr(0, 4 * payload_width)), payload_width, "…");
  };
  return {view.job.id,
          std::string(state_name(view.state)),
          view.task->readable ? message.type : "(not a message of Asynq)",
          task_time(view, now_ms),
          fmt::format("{} of {}", message.retried, message.retry),
          short_text(message.error),
          is_utf8(message.payload) ? short_text(message.payload) : fmt::format("{} bytes", message.payload.size())};
}

std::string task_text(const JobView& view, std::int64_t now_ms) {
  const AsynqTaskFacts& task = *view.task;
  const AsynqMessage& message = task.message;
  std::vector<std::pair<std::string, std::string>> rows = {{"id", printable(view.job.id)},
                                                           {"state", std::string(state_name(view.state))}};
  const auto add = [&](const char* name, const std::string& text) {
    if (!text.empty()) rows.emplace_back(name, text);
  };
  const auto add_time = [&](const char* name, std::int64_t seconds) {
    if (seconds > 0) rows.emplace_back(name, when(seconds, now_ms));
  };
  add("when", task_time(view, now_ms));
  if (!task.readable) add("message", "cannot be read: it is not a message of Asynq");
  add("type", printable(message.type));
  add("queue", printable(message.queue));
  rows.emplace_back("retried", fmt::format("{} of {}", message.retried, message.retry));
  add("last error", printable(message.error));
  add_time("last failed", message.last_failed_at);
  if (message.timeout > 0) add("timeout", age_text(std::chrono::seconds(message.timeout)));
  add_time("deadline", message.deadline);
  add("unique by", printable(message.unique_key));
  add("group", printable(message.group));
  if (message.retention > 0) add("kept for", age_text(std::chrono::seconds(message.retention)));
  add_time("completed", message.completed_at);
  for (const auto& [name, value] : message.headers) rows.emplace_back("header " + printable(name), bytes_text(value));
  add("result", bytes_text(task.result));
  return key_values(rows) + "payload\n  " + bytes_text(message.payload) + "\n";
}

ordered_json task_json(const JobView& view) {
  const AsynqTaskFacts& task = *view.task;
  const AsynqMessage& message = task.message;
  ordered_json object = {{"id", text_json(view.job.id)}, {"state", state_name(view.state)}};
  object["readable"] = task.readable && !view.deleted;
  object["deleted"] = view.deleted;
  object["queue"] = text_json(message.queue);
  object["fields"] = ordered_json::object();
  for (const auto& [name, value] : view.job.fields) object["fields"][printable(name)] = text_json(value);
  object["retried"] = message.retried;
  object["max_retry"] = message.retry;
  object["last_error"] = text_json(message.error);
  object["last_failed_at"] = time_json(message.last_failed_at);
  const bool due = view.state == JobState::scheduled || view.state == JobState::retry;
  object["due_at"] = time_json(due ? task.score : 0);
  object["archived_at"] = time_json(view.state == JobState::archived ? task.score : 0);
  object["completed_at"] = time_json(message.completed_at);
  object["pending_since"] = time_json(task.pending_since_ms / 1000);
  object["lease_until"] = time_json(task.lease_until);
  object["timeout_seconds"] = message.timeout;
  object["deadline"] = time_json(message.deadline);
  object["unique_key"] = text_json(message.unique_key);
  object["group"] = text_json(message.group);
  object["retention_seconds"] = message.retention;
  object["result"] = text_json(task.result);
  return object;
}

std::string asynq_table(const std::vector<QueueFacts>& queues) {
  std::vector<std::string> headings = {"QUEUE", "PENDING",  "OLDEST PENDING", "ACTIVE",    "SCHEDULED",
                                       "RETRY", "ARCHIVED", "COMPLETED",      "PROCESSED", "FAILED"};
  const bool groups =
      std::any_of(queues.begin(), queues.end(), [](const auto& q) { return q.asynq && q.asynq->aggregating > 0; });
  const bool rates =
      std::any_of(queues.begin(), queues.end(), [](const auto& q) { return q.asynq && q.asynq->processed_per_second; });
  if (groups) headings.emplace_back("AGGREGATING");
  if (rates) headings.emplace_back("RATE");
  Table table(headings);
  for (const QueueFacts& facts : queues) {
    if (!facts.asynq) continue;
    const AsynqFacts& tasks = *facts.asynq;
    const std::string name = facts.stream + (facts.paused.empty() ? "" : " (paused)");
    if (facts.kind == "none") {
      table.add({name, "not there"});
      continue;
    }
    std::vector<std::string> row = {name,
                                    with_separators(tasks.pending),
                                    oldest_task_text(tasks),
                                    active_text(tasks),
                                    with_separators(tasks.scheduled),
                                    with_separators(tasks.retry),
                                    with_separators(tasks.archived),
                                    with_separators(tasks.completed),
                                    with_separators(tasks.processed_today),
                                    with_separators(tasks.failed_today)};
    if (groups) row.push_back(with_separators(tasks.aggregating));
    if (rates) row.push_back(tasks.processed_per_second ? fmt::format("{:.1f}/s", *tasks.processed_per_second) : "-");
    table.add(row);
  }
  return table.text() + "PROCESSED and FAILED count the attempts of today (UTC).\n";
}

ordered_json asynq_json(const QueueFacts& facts) {
  const AsynqFacts& tasks = *facts.asynq;
  ordered_json object = {{"queue", printable(facts.stream)},
                         {"kind", facts.kind},
                         {"size", facts.length},
                         {"pending", tasks.pending},
                         {"active", tasks.active},
                         {"scheduled", tasks.scheduled},
                         {"retry", tasks.retry},
                         {"archived", tasks.archived},
                         {"completed", tasks.completed},
                         {"aggregating", tasks.aggregating},
                         {"expired_leases", tasks.expired_leases}};
  object["oldest_pending_seconds"] = tasks.oldest_pending
                                         ? ordered_json(static_cast<double>(tasks.oldest_pending->count()) / 1000)
                                         : ordered_json(nullptr);
  object["paused"] = facts.paused.empty() ? ordered_json(nullptr) : ordered_json(facts.paused);
  object["processed_today"] = tasks.processed_today;
  object["failed_today"] = tasks.failed_today;
  object["processed"] = tasks.processed;
  object["failed"] = tasks.failed;
  object["processed_per_second"] =
      tasks.processed_per_second ? ordered_json(*tasks.processed_per_second) : ordered_json(nullptr);
  return object;
}

}  // namespace raibid
