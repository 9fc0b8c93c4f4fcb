#include "components/redis/commands/status/wait_for_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "components/redis/commands/status/status_board.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/settings/record.hpp"
#include "sys/process.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr const char* wait_step = "wait";

std::string first_failure(const HealthReport& health) {
  for (const Check& check : health.checks()) {
    if (!check.passed && !check.unknown) return fmt::format("{}: {}", check.name, check.text);
  }
  return "";
}

std::string why_not_ready(const RedisFacts& redis) {
  if (redis.pong) return "";
  if (!redis.instead_of_pong.empty()) return redis.instead_of_pong;
  return redis.failure ? redis.failure->text : "Redis cannot be asked yet";
}

std::string why_not_drained(const RedisFacts& redis) {
  if (const std::string reason = why_not_ready(redis); !reason.empty()) return reason;
  for (const RedisFacts::Stream& stream : redis.streams) {
    if (!stream.error.empty()) return fmt::format("{}: {}", stream.name, stream.error);
    for (const RedisFacts::Group& group : stream.groups) {
      const std::string name = fmt::format("{}, group {}", stream.name, group.name);
      if (!group.exists) return name + " is missing";
      if (!group.lag) return fmt::format("{}: Redis does not know how many jobs wait", name);
      if (*group.lag > 0 || group.pending > 0)
        return fmt::format("{}: {} jobs wait, {} are being worked on", name, *group.lag, group.pending);
    }
  }
  return "";
}

/// "" when the state is reached.
std::string why_not(const std::string& state, const StatusReport& report) {
  if (state == "ready") return why_not_ready(report.facts.redis);
  if (state == "drained") return why_not_drained(report.facts.redis);
  return first_failure(report.health);
}

/// Streams are where this program can see that every job is done.
void refuse_without_streams(const Context& context, const RedisSettings& settings) {
  const bool has_groups = std::any_of(settings.streams.begin(), settings.streams.end(),
                                      [](const StreamSpec& stream) { return !stream.groups.empty(); });
  if (context.settings.text("for") != "drained" || has_groups) return;
  throw Error(ExitCode::usage,
              "--for drained needs a preset with a consumer group: without one nobody counts what is done",
              "see what its queues hold: " + context.scope().command("queue stats"));
}

}  // namespace

CommandResult wait_for_state(Context& context, const RedisSettings& settings) {
  refuse_without_streams(context, settings);
  const std::string state = context.settings.text("for");
  const Duration one_look = context.settings.duration("timeout");
  const Duration interval = context.settings.duration("interval");
  const TimePoint started = context.runner.now();
  const TimePoint until = started + context.settings.duration("wait");
  StatusBoard::Scope scope;
  scope.machine = settings.target == Target::local;
  scope.cluster = settings.target == Target::kubernetes;
  scope.external = settings.target == Target::external;
  scope.only = &settings;
  StatusBoard board(context, scope);
  const auto elapsed = [&] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(context.runner.now() - started);
  };

  context.reporter.step_started(wait_step);
  for (;;) {
    context.deadline = std::min(context.runner.now() + one_look, std::max(until, context.runner.now() + interval));
    std::vector<Seen> all = board.look();
    std::string reason = "it is not installed yet";
    if (!all.empty()) {
      refuse_other_preset(context, all.front().report.facts.preset);
      reason = why_not(state, all.front().report);
    }
    const bool over = context.runner.now() + interval > until;
    if (reason.empty() || over) {
      context.reporter.step_ended(wait_step, reason.empty() ? Mark::done : Mark::failed,
                                  reason.empty() ? state : fmt::format("not {}: {}", state, reason), elapsed());
      if (all.empty()) throw_not_installed(context, "release " + settings.release);
      CommandResult result = render_report(context, all.front().title, all.front().report.health);
      result.exit_code = static_cast<int>(reason.empty() ? ExitCode::ok : ExitCode::failure);
      return result;
    }
    context.reporter.step_progress(wait_step, reason);
    context.runner.wait({}, context.runner.now() + interval);
  }
}

}  // namespace raibid
