#include "components/redis/commands/doctor.hpp"

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/server/credentials.hpp"
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
  report.data() = {{"target", target_name(settings.target)}, {"advice", advice_json(settings)}};
  open_installer(context, settings)->examine_ground(report);
  examine_home(context, report);
  return render_report(context, "doctor", report);
}

}  // namespace raibid
