// `queue add`: one job from the command line, or many from a file.
#include "components/redis/commands/queue/add.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/queue/queue.hpp"
#include "components/redis/commands/queue/upload.hpp"
#include "components/redis/server/queue_keys.hpp"
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

}  // namespace

CommandResult queue_add(Context& context, const std::vector<std::string>& arguments) {
  const bool jobs_given = std::all_of(arguments.begin(), arguments.end(),
                                      [](const std::string& word) { return trim(word).starts_with("{"); });
  const std::vector<StreamEntry> jobs = jobs_given ? given_jobs(context, arguments) : std::vector<StreamEntry>{};
  if (jobs_given && jobs.empty())
    throw Error(ExitCode::usage, "what is to be added?",
                "give --field NAME=VALUE …, a job as JSON, a FILE of JSON lines, or - for standard input");
  if (!jobs_given && (arguments.size() != 1 || !context.settings.list("field").empty()))
    throw Error(ExitCode::usage, "one file at a time, and no other jobs beside it");
  QueueSession session(context);
  session.need_stream(
      "its task needs a type that the application handles; asynq.Client of the application enqueues it");
  if (jobs_given) return add_given(session, jobs);
  UploadPlan plan;
  plan.forms = session.job_forms();
  return upload_file(session, arguments.front(), std::move(plan), "add");
}

}  // namespace raibid
