#include "components/redis/run/removal.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/result_format.hpp"
#include "config/yaml.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

std::vector<Named> objects_of(const std::vector<Removal>& removals) {
  std::vector<Named> objects;
  for (const Removal& removal : removals) objects.push_back(removal.object);
  return objects;
}

nlohmann::ordered_json texts_of(const std::vector<Named>& objects) {
  nlohmann::ordered_json texts = nlohmann::ordered_json::array();
  for (const Named& object : objects) texts.push_back(object.what);
  return texts;
}

/// Under `removes` and `keeps`: kind, name and text of each.
void add_objects(const Removals& removals, nlohmann::ordered_json& data) {
  const auto listed = [](const std::vector<Named>& objects) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Named& object : objects)
      list.push_back({{"kind", object.kind}, {"name", object.name}, {"text", object.what}});
    return list;
  };
  data["removes"] = listed(objects_of(removals.goes));
  data["keeps"] = listed(removals.stays);
}

CommandResult result(const Context& context, const std::string& subject, const Removals& removals,
                     const std::string& text) {
  if (context.format() == OutputFormat::table) return {text};
  nlohmann::ordered_json object = {
      {"subject", subject}, {"removed", texts_of(objects_of(removals.goes))}, {"kept", texts_of(removals.stays)}};
  add_objects(removals, object);
  return {formatted(object, context.format())};
}

/// What --dry-run says; the list was printed.
CommandResult would_remove(const Context& context, const std::string& subject, const std::optional<Journal::Left>& left,
                           const Removals& removals) {
  if (context.format() == OutputFormat::table) return {"Nothing was changed (--dry-run).\n"};
  nlohmann::ordered_json undo = nlohmann::ordered_json::array();
  if (left) {
    for (auto one = left->pending.rbegin(); one != left->pending.rend(); ++one) undo.push_back(one->command);
  }
  nlohmann::ordered_json object = {{"subject", subject},
                                   {"dry_run", true},
                                   {"would_undo", undo},
                                   {"would_remove", texts_of(objects_of(removals.goes))},
                                   {"kept", texts_of(removals.stays)}};
  add_objects(removals, object);
  return {formatted(object, context.format())};
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

CommandResult remove_agreed(Context& context, JournaledRun& run, const std::string& subject, const Removals& agreed,
                            const std::function<Removals()>& plan) {
  std::optional<CommandResult> result;
  try {
    const Removals now = plan();
    if (now.goes.empty() || !agreed.cover(now)) result = ask_before_teardown(context, subject, std::nullopt, now);
    if (!result) result = remove_all(context, subject, now, run.still_ours());
  } catch (const BaseError&) {
    run.close();
    throw;
  }
  run.close();
  return *result;
}

CommandResult nothing_to_tear_down(const Context& context, const std::string& subject) {
  return result(context, subject, {}, "Nothing to tear down: " + subject + " is not there.\n");
}

bool Removals::cover(const Removals& others) const {
  return std::all_of(others.goes.begin(), others.goes.end(), [this](const Removal& other) {
    return std::any_of(goes.begin(), goes.end(),
                       [&other](const Removal& one) { return one.object.what == other.object.what; });
  });
}

std::optional<CommandResult> ask_before_teardown(Context& context, const std::string& subject,
                                                 const std::optional<Journal::Left>& left, const Removals& removals) {
  if (left) context.reporter.note(describe_left(*left));
  if (removals.goes.empty() && !left) return nothing_to_tear_down(context, subject);
  std::string list = removals.goes.empty() ? "" : "Will be removed:\n";
  for (const Removal& removal : removals.goes) list += "  - " + removal.object.what + "\n";
  if (!removals.stays.empty()) list += "Will be kept:\n";
  for (const Named& object : removals.stays) list += "  - " + object.what + "\n";
  if (!list.empty()) context.reporter.note(list.substr(0, list.size() - 1));
  if (context.guard.dry_run()) return would_remove(context, subject, left, removals);
  if (!agreed(context, subject)) return CommandResult{"Nothing was changed.\n", static_cast<int>(ExitCode::failure)};
  return std::nullopt;
}

namespace {

std::string flags_of_teardown(const Context& context) {
  std::vector<std::string> flags;
  for (const char* const flag : {"delete-data", "delete-backups"})
    if (context.settings.flag(flag)) flags.push_back(fmt::format("--{}", flag));
  return join(flags, " ");
}

}  // namespace

CommandResult remove_all(Context& context, const std::string& subject, const Removals& removals,
                         const StillOurs& still_ours) {
  const TimePoint started = context.clock.now();
  std::optional<Error> taken_over;
  for (const Removal& removal : removals.goes) {
    const TimePoint step_started = context.clock.now();
    context.reporter.step_started(removal.name);
    try {
      context.signals.check();
      taken_over = still_ours(Before::act);
      if (taken_over) throw *taken_over;
      const std::string detail = removal.act();
      context.reporter.step_ended(removal.name, Mark::done, detail,
                                  std::chrono::duration_cast<Duration>(context.clock.now() - step_started));
    } catch (const BaseError& error) {
      context.reporter.step_ended(removal.name, Mark::failed, error.message(),
                                  std::chrono::duration_cast<Duration>(context.clock.now() - step_started));
      if (taken_over) throw stopped_for(*taken_over, &removal != &removals.goes.front());
      const std::string why = error.hint().empty() ? "" : error.hint() + "\n";
      throw Error(ExitCode::remains, fmt::format("{} is not gone: {}", removal.object.what, error.message()),
                  why + "then go on where this stopped: " +
                      context.scope().command("teardown redis", flags_of_teardown(context)));
    }
  }
  const double seconds = std::chrono::duration<double>(context.clock.now() - started).count();
  return result(context, subject, removals, fmt::format("Removed in {:.1f} s.\n", seconds));
}

}  // namespace raibid
