#include "components/redis/commands/teardown.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "components/redis/settings/settings.hpp"
#include "config/yaml.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

CommandResult result(const Context& context, const std::string& subject, const std::vector<std::string>& removed,
                     const std::vector<std::string>& kept, const std::string& text) {
  if (context.format() == OutputFormat::table) return {text};
  const nlohmann::ordered_json object = {{"subject", subject}, {"removed", removed}, {"kept", kept}};
  return {context.format() == OutputFormat::yaml ? to_yaml(object) : json_text(object, 2) + "\n"};
}

bool agreed(Context& context, const std::string& subject) {
  if (context.settings.flag("yes")) return true;
  const std::optional<bool> answer = context.reporter.confirm("Tear down " + subject + "?");
  context.signals.check();  // Ctrl-C at the question is no answer
  if (!answer) {
    throw Error(ExitCode::usage, "teardown asks before it removes anything, and there is no terminal to ask on",
                "add --yes");
  }
  return *answer;
}

}  // namespace

CommandResult teardown_redis(Context& context, const std::vector<std::string>&) {
  const RedisSettings settings = redis_settings(context);
  return settings.target == Target::local ? teardown_redis_local(context, settings)
                                          : teardown_redis_kubernetes(context, settings);
}

std::vector<OptionSpec> teardown_options() {
  return {{.name = "delete-data",
           .help = "Remove the data too: claim, Secret and credentials",
           .kind = OptionKind::flag,
           .flag_only = true}};
}

CommandResult nothing_to_tear_down(const Context& context, const std::string& subject) {
  return result(context, subject, {}, {}, "Nothing to tear down: " + subject + " is not there.\n");
}

CommandResult remove_all(Context& context, const std::string& subject, const std::vector<Removal>& removals,
                         const std::vector<std::string>& stays, const std::function<void()>& begin) {
  std::vector<std::string> goes;
  std::string list = "Goes:\n";
  for (const Removal& removal : removals) {
    goes.push_back(removal.what);
    list += "  - " + removal.what + "\n";
  }
  if (!stays.empty()) list += "Stays:\n";
  for (const std::string& what : stays) list += "  - " + what + "\n";
  list.pop_back();
  context.reporter.note(list);
  if (context.settings.flag("dry-run"))
    return result(context, subject, {}, stays, "Nothing was changed (--dry-run).\n");
  if (!agreed(context, subject)) return {"Nothing was changed.\n", static_cast<int>(ExitCode::failure)};

  if (begin) begin();
  const TimePoint started = context.clock.now();
  for (const Removal& removal : removals) {
    const TimePoint step_started = context.clock.now();
    context.reporter.step_started(removal.name);
    try {
      context.signals.check();
      const std::string detail = removal.act();
      context.reporter.step_ended(removal.name, Mark::done, detail,
                                  std::chrono::duration_cast<Duration>(context.clock.now() - step_started));
    } catch (Error& error) {
      context.reporter.step_ended(removal.name, Mark::failed, error.message(),
                                  std::chrono::duration_cast<Duration>(context.clock.now() - step_started));
      const std::string why = error.hint().empty() ? "" : error.hint() + "\n";
      throw Error(ExitCode::remains, fmt::format("{} is not gone: {}", removal.what, error.message()),
                  why + "then go on where this stopped: raibid-cli teardown redis");
    }
  }
  const double seconds = std::chrono::duration<double>(context.clock.now() - started).count();
  return result(context, subject, goes, stays, fmt::format("Removed in {:.1f} s.\n", seconds));
}

}  // namespace raibid
