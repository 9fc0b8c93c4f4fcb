// `queue retry`, `claim`, `rm`, `dead`, `pause` and `resume`.
#include "components/redis/commands/queue/repair.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/export/keda.hpp"
#include "components/redis/commands/export/manifests.hpp"
#include "components/redis/commands/queue/asynq_view.hpp"
#include "components/redis/commands/queue/queue.hpp"
#include "components/redis/commands/queue/queue_session.hpp"
#include "components/redis/settings/services.hpp"
#include "sys/clock.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"
#include "ui/table.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;
using Act = std::function<std::vector<JobOutcome>(JobQueue& queue, const std::vector<std::string>& ids)>;

/// The jobs that a command names, by ID or (--all) by state.
std::vector<std::string> named_jobs(QueueSession& session, const std::vector<std::string>& words, JobState state) {
  const Settings& settings = session.context().settings;
  std::vector<std::string> ids;
  for (const std::string& word : words) {
    if (session.asynq()) {
      ids.push_back(word);
      continue;
    }
    const std::optional<StreamId> id = parse_stream_id(word);
    if (!id) throw Error(ExitCode::usage, fmt::format("{} is not the ID of a job", in_quotes(word)));
    ids.push_back(id->text());
  }
  if (!settings.flag("all")) {
    if (ids.empty())
      throw Error(ExitCode::usage, "which jobs?",
                  fmt::format("give their IDs, or use --all for all {} jobs", state_name(state)));
    return ids;
  }
  if (!ids.empty()) throw Error(ExitCode::usage, "IDs and --all contradict each other", "leave one of them out");
  JobFilter filter;
  filter.state = state;
  const Duration idle = settings.is_set("idle") ? settings.duration("idle") : Duration(0);
  session.queue()->scan(filter, [&](const JobView& view) {
    session.context().signals.check();
    if (view.state != JobState::pending || view.idle >= idle) ids.push_back(view.job.id);
    return true;
  });
  return ids;
}

CommandResult outcome_result(Context& context, const std::string& verb, const std::vector<JobOutcome>& outcomes) {
  ordered_json object = {{"action", verb}, {"done", 0}, {"jobs", ordered_json::array()}};
  std::int64_t done = 0;
  Table table({"ID", "RESULT"});
  for (const JobOutcome& outcome : outcomes) {
    done += outcome.ok ? 1 : 0;
    object["jobs"].push_back({{"id", outcome.id}, {"ok", outcome.ok}, {"result", outcome.result}});
    table.add({outcome.id, outcome.result});
  }
  object["done"] = done;
  CommandResult result = queue_result(
      context,
      [&] {
        return table.text() + fmt::format("{}: {} of {}.\n", verb, done,
                                          counted(static_cast<std::int64_t>(outcomes.size()), "job", "jobs"));
      },
      object);
  if (done < static_cast<std::int64_t>(outcomes.size())) result.exit_code = static_cast<int>(ExitCode::failure);
  return result;
}

/// Lists, asks and acts.
CommandResult act_on(QueueSession& session, const std::vector<std::string>& ids, const std::string& verb,
                     const std::string& question, const Act& act) {
  Context& context = session.context();
  const std::string jobs = counted(static_cast<std::int64_t>(ids.size()), "job", "jobs");
  if (ids.empty())
    return queue_result(context, [] { return "No such jobs.\n"; },
                        {{"action", verb}, {"done", 0}, {"jobs", ordered_json::array()}});
  if (context.guard.dry_run()) {
    return queue_result(
        context,
        [&] { return fmt::format("Would {} {}: {}\nNothing was changed (--dry-run).\n", verb, jobs, join(ids, " ")); },
        {{"action", verb}, {"done", 0}, {"would", ids}});
  }
  if (!question.empty() && !queue_agreed(context, fmt::format("{} {} of {}?", question, jobs, session.subject())))
    return {"Nothing was changed.\n", static_cast<int>(ExitCode::failure)};
  return outcome_result(context, verb, act(*session.queue(), ids));
}

void need_group(QueueSession& session) {
  if (!session.asynq() && session.group().empty())
    throw Error(ExitCode::failure, fmt::format("stream {} has no group: nothing is pending", session.stream()));
}

std::string resume_command(QueueSession& session) {
  const bool named = session.context().settings.is_set("queue");
  return queue_command(session.context(), "resume",
                       session.asynq() && !named ? "--queue " + shell_quote(session.name()) : "");
}

CommandResult dead_list(QueueSession& session) {
  const std::int64_t most = session.context().settings.integer("limit");
  JobFilter filter;
  filter.state = session.asynq() ? JobState::archived : JobState::dead;
  ordered_json object = {{"jobs", ordered_json::array()}, {"more", false}};
  const std::int64_t now = session.now_ms();
  Table table(session.asynq() ? task_headings()
                              : std::vector<std::string>{"ID", "WAS", "DELIVERIES", "CONSUMER", "REASON"});
  std::int64_t count = 0;
  session.queue()->scan(filter, [&](const JobView& view) {
    session.context().signals.check();
    if (most > 0 && count == most) {
      object["more"] = true;
      return false;
    }
    ++count;
    object["jobs"].push_back(job_json(view));
    table.add(view.task ? task_row(view, now)
                        : std::vector<std::string>{view.job.id, view.origin, std::to_string(view.deliveries),
                                                   view.consumer, view.reason});
    return true;
  });
  return queue_result(
      session.context(),
      [&] {
        if (count == 0) return std::string("No dead jobs.\n");
        return table.text() + (object["more"] == true ? "There are more: --limit 0 shows all of them.\n" : "");
      },
      object);
}

}  // namespace

CommandResult queue_retry(Context& context, const std::vector<std::string>& arguments) {
  QueueSession session(context);
  need_group(session);
  if (session.asynq()) {
    if (context.settings.is_set("idle"))
      throw Error(ExitCode::usage, "--idle is for the pending jobs of a stream", "name the tasks, or --all");
    return act_on(session, named_jobs(session, arguments, JobState::retry), "retry", "Run now instead of later",
                  [](JobQueue& queue, const auto& ids) { return queue.retry(ids); });
  }
  return act_on(session, named_jobs(session, arguments, JobState::pending), "retry",
                "Whoever works on them now loses them. Put back into the stream",
                [](JobQueue& queue, const auto& ids) { return queue.retry(ids); });
}

CommandResult queue_claim(Context& context, const std::vector<std::string>& arguments) {
  const std::string consumer = context.settings.text("consumer");
  if (consumer.empty()) throw Error(ExitCode::usage, "who is to have the jobs?", "name the consumer with --consumer");
  QueueSession session(context);
  session.need_stream("its servers take back the tasks of a dead worker when the lease has expired");
  need_group(session);
  const Duration idle = context.settings.is_set("idle") ? context.settings.duration("idle") : Duration(0);
  return act_on(session, named_jobs(session, arguments, JobState::pending), "claim", "",
                [&](JobQueue& queue, const auto& ids) { return queue.claim(ids, consumer, idle); });
}

CommandResult queue_remove(Context& context, const std::vector<std::string>& arguments) {
  if (context.settings.flag("all")) throw Error(ExitCode::usage, "rm takes IDs: queue trim removes what is done");
  QueueSession session(context);
  return act_on(session, named_jobs(session, arguments, JobState::waiting), "remove", "Remove for good, done or not,",
                [](JobQueue& queue, const auto& ids) { return queue.remove(ids); });
}

CommandResult queue_dead(Context& context, const std::vector<std::string>& arguments) {
  const std::string what = arguments.empty() ? "ls" : arguments.front();
  const std::vector<std::string> words(arguments.begin() + (arguments.empty() ? 0 : 1), arguments.end());
  if (what != "ls" && what != "requeue" && what != "drop")
    throw Error(ExitCode::usage, fmt::format("unknown word {} after 'queue dead'", in_quotes(what)),
                "there are: ls, requeue, drop");
  QueueSession session(context);
  if (what == "ls") return dead_list(session);
  const std::vector<std::string> ids =
      named_jobs(session, words, session.asynq() ? JobState::archived : JobState::dead);
  if (what == "requeue")
    return act_on(session, ids, "requeue", session.asynq() ? "Run again" : "Add again as new jobs",
                  [](JobQueue& queue, const auto& all) { return queue.requeue(all); });
  return act_on(session, ids, "drop", "Remove for good",
                [](JobQueue& queue, const auto& all) { return queue.drop_dead(all); });
}

namespace {

/// KEDA's scalers do not look at the key that pauses a queue.
void mention_keda(QueueSession& session, const char* change) {
  const Context& context = session.context();
  const RedisSettings settings = redis_settings(context);
  if (settings.target != Target::kubernetes) return;
  context.reporter.note(
      fmt::format("if KEDA starts your workers, pause or resume it too{}: kubectl annotate -n {} scaledjob/{} {}",
                  session.asynq() ? " (one ScaledJob for all of the preset's queues)" : "",
                  application_namespace(settings), keda_job_name(context.preset.name), change));
}

}  // namespace

CommandResult queue_pause(Context& context, const std::vector<std::string>& arguments) {
  QueueSession session(context);
  std::string note = "since " + rfc3339(context.clock.wall());
  if (!arguments.empty()) note += ": " + join(arguments, " ");
  if (session.asynq() && !arguments.empty())
    context.reporter.warning("Asynq stores only when a pause began: the reason is left out");
  if (!context.guard.dry_run()) session.queue()->pause(note);
  mention_keda(session, "autoscaling.keda.sh/paused=true");
  return queue_result(context,
                      [&] {
                        return context.guard.dry_run()
                                   ? "Would pause. Nothing was changed (--dry-run).\n"
                                   : fmt::format("Paused {}. {} no more jobs until: {}\n", printable(session.name()),
                                                 session.asynq() ? "The library's servers take" : "queue work takes",
                                                 resume_command(session));
                      },
                      {{session.asynq() ? "queue" : "stream", printable(session.name())}, {"paused", note}});
}

CommandResult queue_resume(Context& context, const std::vector<std::string>&) {
  QueueSession session(context);
  if (context.guard.dry_run()) return told("Would resume. Nothing was changed (--dry-run).\n");
  const bool was = session.queue()->resume();
  mention_keda(session, "autoscaling.keda.sh/paused-");
  return queue_result(context,
                      [&] {
                        return was ? fmt::format("Resumed {}.\n", printable(session.name()))
                                   : fmt::format("{} was not paused.\n", printable(session.name()));
                      },
                      {{session.asynq() ? "queue" : "stream", printable(session.name())}, {"was_paused", was}});
}

}  // namespace raibid
