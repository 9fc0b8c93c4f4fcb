// `queue add`: one job from the command line, or many from a file.
#include "components/redis/commands/queue/add.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/queue/queue.hpp"
#include "components/redis/commands/queue/upload.hpp"
#include "components/redis/server/asynq_queue.hpp"
#include "components/redis/server/queue_keys.hpp"
#include "sys/random.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

std::vector<StreamEntry> given_jobs(const Context& context, const std::vector<std::string>& arguments) {
  std::vector<StreamEntry> jobs;
  StreamEntry from_fields;
  for (const std::string& field : context.settings.list("field")) {
    const std::size_t sign = field.find('=');
    if (sign == std::string::npos || sign == 0)
      throw Error(ExitCode::usage, fmt::format("--field: {} is not NAME=VALUE", in_quotes(field)));
    from_fields.fields.emplace_back(field.substr(0, sign), field.substr(sign + 1));
  }
  if (!from_fields.fields.empty()) jobs.push_back(std::move(from_fields));
  for (const std::string& text : arguments) {
    StreamEntry& job = jobs.emplace_back();
    try {
      parse_job_line(text, job);
    } catch (Error& error) {
      throw error.during("reading the job " + in_quotes(text));
    }
  }
  return jobs;
}

std::string add_one(QueueSession& session, const Script& script, const StreamEntry& job) {
  std::vector<std::string> arguments = {"",  "0", std::to_string(session.limit()),      "", "1",
                                        "0", "*", std::to_string(job.fields.size() * 2)};
  for (const auto& [name, value] : job.fields) arguments.insert(arguments.end(), {name, value});
  const RedisReply reply =
      run_script(session.redis(), script, {session.stream(), upload_key(session.stream(), "")}, arguments);
  if (reply.items.at(0).integer != 1)
    expect_no_error({RedisReply::Type::error, reply.items.at(4).text, 0, {}}, "the job");
  if (reply.items.at(3).integer > 0) session.note_trim(reply.items.at(3).integer);
  return reply.items.at(1).text;
}

CommandResult add_given(QueueSession& session, const std::vector<StreamEntry>& jobs) {
  const JobForms forms(session.job_forms());
  for (const StreamEntry& job : jobs) {
    const std::string problem = forms.problem(job);
    if (!problem.empty())
      throw Error(ExitCode::usage, "the job is refused: " + problem, "a job has these fields: " + forms.text());
  }
  nlohmann::ordered_json ids = nlohmann::ordered_json::array();
  std::string text;
  if (session.context().guard.dry_run()) {
    text = fmt::format("{} could be added. Nothing was changed (--dry-run).\n",
                       counted(static_cast<std::int64_t>(jobs.size()), "job", "jobs"));
  } else {
    const Script script = queue_script("add");
    for (const StreamEntry& job : jobs) {
      ids.push_back(add_one(session, script, job));
      text += ids.back().get<std::string>() + "\n";
    }
  }
  return queue_result(session.context(), [&] { return text; },
                      {{"stream", printable(session.stream())}, {"added", ids.size()}, {"ids", ids}});
}

/// What asynq.Client gives a task whose options say nothing else.
constexpr std::int64_t asynq_timeout = 1800;

bool means_task(const Context& context) {
  return context.settings.is_set("type") || context.settings.is_set("payload") || option_chosen(context, "max-retry");
}

std::string new_task_id(Random& random) {
  std::array<std::uint8_t, 16> bytes{};
  random.fill(bytes);
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);  // RFC 9562, version 4
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  std::string id;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (at == 4 || at == 6 || at == 8 || at == 10) id += '-';
    id += fmt::format("{:02x}", bytes[at]);
  }
  return id;
}

/// What the library's client refuses, and what its Protocol Buffers do.
void check_task(const AsynqMessage& task) {
  if (trim(task.type).empty() || !is_utf8(task.type))
    throw Error(ExitCode::usage, "--type: a task needs a type", "for instance --type email:send");
  if (trim(task.queue).empty() || !is_utf8(task.queue))
    throw Error(ExitCode::usage, fmt::format("--queue: {} is not a valid name", in_quotes(task.queue)));
  if (task.retry < 0 || task.retry > std::numeric_limits<std::int32_t>::max())
    throw Error(ExitCode::usage, fmt::format("--max-retry: {} is not a number from 0 on", task.retry));
}

CommandResult add_task(Context& context, const std::vector<std::string>& arguments) {
  if (!arguments.empty() || !context.settings.list("field").empty())
    throw Error(ExitCode::usage, "a task of Asynq is given by --type and --payload, and by nothing else");
  QueueSession session(context);
  if (!session.asynq())
    throw Error(ExitCode::usage, "--type, --payload and --max-retry are for an Asynq queue, and this is a stream",
                "name an Asynq queue with --queue; a job of the stream is given by --field NAME=VALUE");
  const Settings& settings = context.settings;
  AsynqMessage task;
  task.type = settings.is_set("type") ? settings.text("type") : "";
  task.payload = settings.is_set("payload") ? settings.text("payload") : "";
  task.queue = settings.is_set("queue") ? settings.text("queue") : session.name();
  task.retry = settings.integer("max-retry");
  task.timeout = asynq_timeout;
  task.id = new_task_id(context.random);
  check_task(task);
  const std::vector<std::string> known = session.all_asynq_queues();
  if (std::find(known.begin(), known.end(), task.queue) == known.end())
    context.reporter.note(fmt::format("queue {} is new", in_quotes(task.queue)));
  nlohmann::ordered_json ids = nlohmann::ordered_json::array();
  std::string text = "1 task could be added. Nothing was changed (--dry-run).\n";
  if (!context.guard.dry_run()) {
    if (!enqueue_asynq_task(session.redis(), task))
      throw Error(ExitCode::failure, fmt::format("there is a task {} already", task.id), "run this again");
    ids.push_back(task.id);
    text = task.id + "\n";
  }
  return queue_result(context, [&] { return text; },
                      {{"queue", printable(task.queue)}, {"added", ids.size()}, {"ids", ids}});
}

}  // namespace

CommandResult queue_add(Context& context, const std::vector<std::string>& arguments) {
  if (means_task(context)) return add_task(context, arguments);
  const bool jobs_given = std::all_of(arguments.begin(), arguments.end(),
                                      [](const std::string& word) { return trim(word).starts_with("{"); });
  const std::vector<StreamEntry> jobs = jobs_given ? given_jobs(context, arguments) : std::vector<StreamEntry>{};
  if (jobs_given && jobs.empty())
    throw Error(ExitCode::usage, "nothing to add",
                "give --field NAME=VALUE …, a job as JSON, a FILE of JSON lines, or - for standard input");
  if (!jobs_given && (arguments.size() != 1 || !context.settings.list("field").empty()))
    throw Error(ExitCode::usage, "one file at a time, and no other jobs beside it");
  QueueSession session(context);
  session.need_stream("its tasks are given by --type and --payload");
  session.need_stream_name();
  if (jobs_given) return add_given(session, jobs);
  UploadPlan plan;
  plan.forms = session.job_forms();
  return upload_file(session, arguments.front(), std::move(plan), "add");
}

}  // namespace raibid
