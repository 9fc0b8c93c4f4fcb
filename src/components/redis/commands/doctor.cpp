#include "components/redis/commands/doctor.hpp"

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/server/credentials.hpp"
#include "components/redis/server/group_lag.hpp"
#include "components/redis/server/server_facts.hpp"
#include "components/redis/settings/advice.hpp"
#include "components/redis/settings/options.hpp"
#include "sys/files.hpp"

namespace raibid {

namespace {

void examine_home(const Context& context, HealthReport& report) {
  try {
    if (context.guard.dry_run()) {
      check_private_directory(context.paths.home);
    } else {
      context.files.make_private_directory(context.paths.home);
    }
    all_credentials(context.paths);
    report.add({"home", true, context.paths.shown(context.paths.home) + " can be written"});
  } catch (const Error& error) {
    report.add({"home", false, error.message(), error.hint()}, CheckReason::not_writable);
  }
}

/// Of the Redis that is there already, where one is: what its groups have lost, and what its version will lose. One
/// that does not answer is for `status`.
void examine_lags(Context& context, const RedisSettings& settings, HealthReport& report) {
  std::unique_ptr<Place> place;
  std::unique_ptr<RedisConnection> redis;
  try {
    place = open_place(context, settings);
    redis = place->administer(question_deadline(context));
  } catch (const Error&) {
    return;
  }
  for (const StreamSpec& stream : settings.streams) {
    for (const std::string& group : stream.groups) {
      if (look_at_group_lag(*redis, stream.name, group).is_lost()) examine_lost_lag(stream.name, group, report);
    }
  }
  const auto advice = find_advice("lag-unknown", settings, {read_server_facts(*redis).version});
  if (advice && advice->accepted.empty())
    report.add({.name = "lag", .passed = true, .text = advice->reason, .hint = advice->better, .warning = true},
               CheckReason::unknown_lag);
}

bool has_groups(const RedisSettings& settings) {
  return std::any_of(settings.streams.begin(), settings.streams.end(),
                     [](const StreamSpec& stream) { return !stream.groups.empty(); });
}

}  // namespace

std::vector<OptionSpec> doctor_options() {
  std::vector<OptionSpec> options = redis_options();
  options.push_back({.name = "role",
                     .help = "Print the least rights that setup needs, as a Role for kubectl apply",
                     .kind = OptionKind::flag,
                     .flag_only = true,
                     .group = "Run"});
  return options;
}

CommandResult doctor_redis(Context& context, const std::vector<std::string>&) {
  if (context.settings.flag("role")) return {open_installer(context, redis_settings(context))->rights()};
  mention_unfinished(context);
  take_recorded(context, false);
  const RedisSettings settings = redis_settings(context);
  give_advice(context, settings);
  HealthReport report;
  report.set_scope(context.scope());
  report.data() = {{"target", target_name(settings.target)}, {"advice", advice_json(settings)}};
  open_installer(context, settings)->examine_ground(report);
  if (has_groups(settings)) examine_lags(context, settings, report);
  examine_home(context, report);
  return render_report(context, "doctor", report);
}

}  // namespace raibid
