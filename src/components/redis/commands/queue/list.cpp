// `queue ls`, `queue show` and `queue grep`: jobs by ID, time, field, text and state.
#include "components/redis/commands/queue/list.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/queue/asynq_view.hpp"
#include "components/redis/commands/queue/queue.hpp"
#include "components/redis/commands/queue/queue_session.hpp"
#include "components/redis/server/job_lines.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"
#include "ui/table.hpp"
#include "ui/text.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t value_width = 60;

void refuse_for_tasks(const Settings& settings) {
  for (const char* const name : {"from", "to"}) {
    if (settings.is_set(name))
      throw Error(ExitCode::usage, fmt::format("--{}: the IDs of Asynq's tasks have no order", name),
                  "choose by --state or --field type=…");
  }
  if (settings.flag("newest"))
    throw Error(ExitCode::usage, "--newest: tasks of Asynq are listed in the order in which they are due");
}

JobState chosen_state(QueueSession& session, const std::string& name) {
  const JobState state = parse_job_state(name).value();
  const bool of_asynq = state == JobState::pending || state > JobState::done;
  if (session.asynq() && !of_asynq)
    throw Error(ExitCode::usage, fmt::format("a task of Asynq is never {}", name),
                "its states are: active, pending, retry, scheduled, aggregating, archived, completed");
  if (!session.asynq() && state > JobState::done)
    throw Error(ExitCode::usage, fmt::format("a job of a stream is never {}", name),
                "its states are: waiting, pending, dead, done; --queue names an Asynq queue");
  return state;
}

JobFilter filter_of(QueueSession& session) {
  const Settings& settings = session.context().settings;
  const std::int64_t now = session.now_ms();
  JobFilter filter;
  if (session.asynq()) refuse_for_tasks(settings);
  if (settings.is_set("from")) filter.from = stream_position(settings.text("from"), "--from", now);
  if (settings.is_set("to")) filter.to = stream_position(settings.text("to"), "--to", now);
  if (settings.is_set("state")) filter.state = chosen_state(session, settings.text("state"));
  for (const std::string& field : settings.list("field")) {
    const std::size_t sign = field.find('=');
    if (sign == std::string::npos)
      throw Error(ExitCode::usage, fmt::format("--field: {} is not NAME=VALUE", in_quotes(field)));
    filter.fields.emplace_back(field.substr(0, sign), field.substr(sign + 1));
  }
  filter.newest = settings.flag("newest");
  if (filter.newest && filter.state == JobState::pending)
    throw Error(ExitCode::usage, "--newest cannot be used with --state pending",
                "the oldest of them matter; --from says where to begin");
  return filter;
}

std::string fields_text(const StreamEntry& job) {
  std::string text;
  for (const auto& [name, value] : job.fields)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", printable(name),
                        shortened(printable(value.substr(0, 4 * value_width)), value_width, "…"));
  return text;
}

std::string detail_text(const JobView& view) {
  if (view.state == JobState::pending)
    return fmt::format("{}{} for {}, delivered {}", view.deleted ? "deleted, " : "", view.consumer, age_text(view.idle),
                       view.deliveries == 1 ? "once" : fmt::format("{} times", view.deliveries));
  if (view.state == JobState::dead) return view.reason;
  return "";
}

struct Found {
  std::vector<JobView> jobs;
  bool more = false;
};

Found look(QueueSession& session, const JobFilter& filter, std::int64_t most) {
  Found found;
  session.queue()->scan(filter, [&](const JobView& view) {
    session.context().signals.check();
    found.more = most > 0 && static_cast<std::int64_t>(found.jobs.size()) == most;
    if (!found.more) found.jobs.push_back(view);
    return !found.more;
  });
  return found;
}

CommandResult list_of(QueueSession& session, const Found& found) {
  Context& context = session.context();
  ordered_json object = {{"jobs", ordered_json::array()}, {"more", found.more}};
  for (const JobView& view : found.jobs) object["jobs"].push_back(job_json(view));
  return queue_result(
      context,
      [&]() -> std::string {
        if (found.jobs.empty()) return "No such jobs.\n";
        Table table(session.asynq() ? task_headings() : std::vector<std::string>{"ID", "STATE", "WHERE", "FIELDS"});
        for (const JobView& view : found.jobs)
          table.add(view.task ? task_row(view, session.now_ms())
                              : std::vector<std::string>{view.job.id, std::string(state_name(view.state)),
                                                         detail_text(view), fields_text(view.job)});
        return table.text() + (found.more ? "There are more: --limit 0 shows all of them.\n" : "");
      },
      object);
}

std::string show_text(const JobView& view, std::int64_t now_ms) {
  std::vector<std::pair<std::string, std::string>> rows = {{"id", view.job.id},
                                                           {"state", std::string(state_name(view.state))},
                                                           {"age", age_text(age_of(view.job.id, now_ms))}};
  if (!view.origin.empty()) rows.emplace_back("was", view.origin);
  if (!view.consumer.empty()) rows.emplace_back("consumer", printable(view.consumer));
  if (view.deliveries > 0) rows.emplace_back("deliveries", std::to_string(view.deliveries));
  if (view.state == JobState::pending) rows.emplace_back("idle", age_text(view.idle));
  if (!view.reason.empty()) rows.emplace_back("reason", printable(view.reason));
  std::string text = key_values(rows);
  std::vector<std::pair<std::string, std::string>> fields;
  for (const auto& [name, value] : view.job.fields)
    fields.emplace_back(
        printable(name),
        is_utf8(value) ? printable(value) : fmt::format("{} bytes that are not text: -o json has them", value.size()));
  return text + "fields\n" + key_values(fields, 2);
}

}  // namespace

CommandResult queue_list(Context& context, const std::vector<std::string>&) {
  QueueSession session(context);
  return list_of(session, look(session, filter_of(session), context.settings.integer("limit")));
}

CommandResult queue_grep(Context& context, const std::vector<std::string>& arguments) {
  if (arguments.size() != 1 || arguments.front().empty())
    throw Error(ExitCode::usage, "no text to search for", "give one TEXT");
  QueueSession session(context);
  JobFilter filter = filter_of(session);
  filter.text = arguments.front();
  const Found found = look(session, filter, context.settings.integer("limit"));
  CommandResult result = list_of(session, found);
  if (found.jobs.empty()) result.exit_code = static_cast<int>(ExitCode::failure);  // as grep does
  return result;
}

CommandResult queue_show(Context& context, const std::vector<std::string>& arguments) {
  if (arguments.empty())
    throw Error(ExitCode::usage, "which job?",
                "give one or several IDs; to list them: " + queue_command(context, "ls"));
  QueueSession session(context);
  for (const std::string& id : arguments) {
    if (!session.asynq() && !parse_stream_id(id))
      throw Error(ExitCode::usage, fmt::format("{} is not the ID of a job", in_quotes(id)));
  }
  const std::vector<JobView> found = session.queue()->find(arguments);
  std::vector<std::string> missing;
  for (const std::string& id : arguments) {
    const std::string whole = session.asynq() ? id : parse_stream_id(id)->text();
    if (std::none_of(found.begin(), found.end(), [&](const JobView& view) { return view.job.id == whole; }))
      missing.push_back(id);
  }
  if (!missing.empty())
    context.reporter.warning(fmt::format("not there ({}, removed, or never added): {}",
                                         session.asynq() ? "done" : "done and trimmed",
                                         printable(join(missing, ", "))));
  ordered_json object = {{"jobs", ordered_json::array()}};
  std::string text;
  for (const JobView& view : found) {
    object["jobs"].push_back(job_json(view));
    text += text.empty() ? "" : "\n";
    text += view.task ? task_text(view, session.now_ms()) : show_text(view, session.now_ms());
  }
  CommandResult result = queue_result(
      context, [&] { return text; }, object);
  if (!missing.empty()) result.exit_code = static_cast<int>(ExitCode::failure);
  return result;
}

}  // namespace raibid
