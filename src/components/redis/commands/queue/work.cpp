// `queue work -- COMMAND`
#include "components/redis/commands/queue/work.hpp"

#include <nlohmann/json.hpp>

#include <signal.h>
#include <unistd.h>

#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/queue/queue.hpp"
#include "components/redis/commands/queue/worker.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr std::int64_t most_concurrency = 1000;

std::string own_name() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = 0;
  return fmt::format("{}-{}", host[0] != 0 ? host.data() : "raibid-cli", ::getpid());
}

std::int64_t at_least_one(const Settings& settings, const char* name, std::int64_t most) {
  const std::int64_t value = settings.integer(name);
  if (value < 1 || value > most)
    throw Error(ExitCode::usage, fmt::format("--{}: {} is not between 1 and {}", name, value, most));
  return value;
}

WorkerPlan plan_of(const Context& context, const std::vector<std::string>& command) {
  const Settings& settings = context.settings;
  WorkerPlan plan;
  plan.command = command;
  plan.consumer = settings.is_set("consumer") ? settings.text("consumer") : own_name();
  plan.concurrency = static_cast<std::size_t>(at_least_one(settings, "concurrency", most_concurrency));
  plan.batch = settings.flag("batch");
  plan.until_empty = settings.flag("until-empty");
  plan.deliveries = at_least_one(settings, "max-deliveries", 1'000'000);
  plan.backoff = settings.duration("backoff");
  plan.claim_after = settings.duration("claim-after");
  if (option_chosen(context, "timeout")) plan.job_timeout = settings.duration("timeout");
  return plan;
}

std::string text_of(const WorkerResult& result) {
  std::string text = fmt::format("{} done, {} failed, {} dead", counted(result.done, "job", "jobs"),
                                 counted(result.failed, "attempt", "attempts"), result.dead);
  if (result.given_back > 0) text += fmt::format(", {} given back", result.given_back);
  if (result.taken_over > 0)
    text += fmt::format("; {} of those done had been taken over by another consumer meanwhile: done twice",
                        result.taken_over);
  return text + "\n";
}

}  // namespace

CommandResult queue_work(Context& context, const std::vector<std::string>& arguments) {
  if (arguments.empty())
    throw Error(ExitCode::usage, "no command to run the jobs", "run: " + queue_command(context, "work", "-- COMMAND"));
  QueueSession session(context);
  session.need_stream("its tasks are for the application's own asynq.Server");
  if (context.guard.dry_run())
    return told(fmt::format("Would hand each job of {} to {}. Nothing was done (--dry-run).\n", session.subject(),
                            shell_join(arguments)));
  Worker worker(session, plan_of(context, arguments));
  const WorkerResult result = worker.run();
  const nlohmann::ordered_json object = {{"stream", printable(session.stream())}, {"done", result.done},
                                         {"failed_attempts", result.failed},      {"dead", result.dead},
                                         {"given_back", result.given_back},       {"taken_over", result.taken_over}};
  if (worker.abandoned_by() != 0) {
    context.reporter.note(std::string(trim(text_of(result))));
    throw Interrupted(worker.abandoned_by());
  }
  // the commands' own output is on stdout
  if (context.format() == OutputFormat::table) {
    context.reporter.note(std::string(trim(text_of(result))));
    return {};
  }
  return queue_result(
      context, [] { return ""; }, object);
}

}  // namespace raibid
