#include "components/redis/commands/setup.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "components/redis/place/place.hpp"
#include "components/redis/settings/advice.hpp"
#include "config/yaml.hpp"

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
      {"advice", advice_json(settings)},
  };
}

}  // namespace

CommandResult setup_redis(Context& context, const std::vector<std::string>&) {
  const RedisSettings settings = redis_settings(context);
  give_advice(context, settings);
  const TimePoint started = context.clock.now();
  const SetupOutcome outcome = open_installer(context, settings)->setup();
  if (!outcome.plan.empty()) return {outcome.plan};
  const double seconds = std::chrono::duration<double>(context.clock.now() - started).count();
  if (context.format() == OutputFormat::table) return {in_words(context, outcome, seconds)};
  const nlohmann::ordered_json object = as_object(outcome, settings, seconds);
  return {context.format() == OutputFormat::yaml ? to_yaml(object) : object.dump(2) + "\n"};
}

}  // namespace raibid
