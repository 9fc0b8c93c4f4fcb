#include "components/redis/commands/setup.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/settings/advice.hpp"
#include "components/redis/settings/options.hpp"
#include "components/result_format.hpp"

namespace raibid {

namespace {

std::string in_words(const Context& context, const SetupOutcome& outcome, double seconds) {
  const Scope scope = context.scope();
  return fmt::format("{} in {:.1f} s. Next: {} · {}\n", outcome.changed ? "Ready" : "Nothing changed: ready", seconds,
                     scope.command("status"), scope.command("connect redis", "-- redis-cli"));
}

nlohmann::ordered_json as_object(const SetupOutcome& outcome, const RedisSettings& settings, double seconds) {
  const Credentials& credentials = outcome.credentials;
  return {
      {"ready", true},
      {"changed", outcome.changed},
      {"seconds", seconds},
      {"target", credentials.target},
      {"context", credentials.context},
      {"namespace", credentials.name_space},
      {"release", credentials.release},
      {"host", credentials.host},
      {"port", credentials.port},
      {"stream", credentials.stream},
      {"consumer_group", credentials.consumer_group},
      {"credentials_file", credentials.path.string()},
      {"advice", advice_json(settings, outcome.seen)},
  };
}

/// As `diff` and `git diff` do, but for the code: 1 is a failure.
constexpr int exit_code_of_changes = 10;

CommandResult shown_diff(const Context& context, const SetupDiff& diff) {
  const bool tells = context.settings.flag("exit-code") && !diff.empty();
  const int code = tells ? exit_code_of_changes : 0;
  if (context.format() != OutputFormat::table) return {formatted(diff_data(diff), context.format()), code};
  return {diff_text(diff, context.colors_results()), code};
}

/// Whether what the record has beside it may make an option right that is wrong alone.
bool may_need_record(const Context& context) {
  if (context.settings.flag("reset")) return false;
  constexpr const char* options[] = {"memory-request", "cpu-request",      "group",
                                     "max-length",     "tls-client-certs", "tls-migrate"};
  return std::any_of(std::begin(options), std::end(options),
                     [&](const char* option) { return context.settings.origin(option).source > Source::record; });
}

/// What this machine knows of a Redis whose data a teardown kept. False when that is nothing.
bool take_kept_record(Context& context) {
  try {
    if (!record_on_this_machine(context)) return false;
    take_recorded(context, false);
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// Before the cluster is asked where possible: a mistake in the settings needs no cluster to be found.
RedisSettings first_settings(Context& context) {
  const Told told(context);
  try {
    return redis_settings(context);
  } catch (const Error&) {
    if (!may_need_record(context)) throw;
    try {
      take_recorded(context, true);
    } catch (const Error& error) {
      if (error.code() == ExitCode::not_installed && take_kept_record(context)) return redis_settings(context);
      context.settings = told.settings;  // no such preset: the error below says so
      context.preset = told.preset;
    }
  }
  return redis_settings(context);
}

}  // namespace

std::vector<OptionSpec> setup_options() {
  std::vector<OptionSpec> options = redis_options();
  options.push_back({.name = "diff",
                     .help = "Show which values, objects and files would change, and change nothing",
                     .kind = OptionKind::flag,
                     .flag_only = true,
                     .group = "Run",
                     .means_dry_run = true});
  options.push_back({.name = "exit-code",
                     .help = "The same, and exit with 10 when something would change",
                     .kind = OptionKind::flag,
                     .flag_only = true,
                     .group = "Run",
                     .means_dry_run = true});
  return options;
}

CommandResult setup_redis(Context& context, const std::vector<std::string>&) {
  const bool diff = context.settings.flag("diff") || context.settings.flag("exit-code");
  const RedisSettings first = first_settings(context);
  const TimePoint started = context.clock.now();
  const SetupOutcome outcome = open_installer(context, first)->setup({.diff = diff});
  const RedisSettings settings = redis_settings(context);  // with what was recorded
  give_advice(context, settings, outcome.seen);
  if (outcome.diff) return shown_diff(context, *outcome.diff);
  if (outcome.plan) {
    const bool for_people = context.format() == OutputFormat::table;
    return {for_people ? outcome.plan->text : formatted(*outcome.plan->data, context.format())};
  }
  const double seconds = std::chrono::duration<double>(context.clock.now() - started).count();
  if (context.format() == OutputFormat::table) return {in_words(context, outcome, seconds)};
  const nlohmann::ordered_json object = as_object(outcome, settings, seconds);
  return {formatted(object, context.format())};
}

}  // namespace raibid
