#include "components/redis/commands/smoke/smoke.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/junit.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/commands/smoke/durability.hpp"
#include "components/redis/commands/smoke/operation.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/result_format.hpp"
#include "config/yaml.hpp"
#include "sys/random.hpp"
#include "sys/signals.hpp"
#include "ui/colors.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

const SmokeTest& find_test(const std::string& name) {
  for (const SmokeTest& candidate : smoke_tests()) {
    if (candidate.name == name) return candidate;
  }
  std::vector<std::string> known;
  for (const SmokeTest& candidate : smoke_tests()) known.emplace_back(candidate.name);
  throw Error(ExitCode::usage,
              fmt::format("unknown smoke operation {} in the preset{}", name, did_you_mean(name, known)),
              "there are: " + join(known, ", "));
}

SmokeRow run_one(const Context& context, const SmokeOperation& operation, SmokeBench& bench) {
  const SmokeTest& test = find_test(operation.name);
  const TimePoint started = context.clock.now();
  SmokeRow row{operation.name, true, true, "", 0};
  try {
    row.text = test.run(bench, operation.parameters);
  } catch (const NotPermitted& why) {
    row.permitted = false;
    row.text = why.what();
  } catch (const Error& error) {
    row.passed = false;
    row.text = error.message();
  }
  row.milliseconds = std::chrono::duration<double, std::milli>(context.clock.now() - started).count();
  return row;
}

std::string verdict(const std::vector<SmokeRow>& rows) {
  const auto failed = std::count_if(rows.begin(), rows.end(), [](const SmokeRow& row) { return !row.passed; });
  const auto left_out = std::count_if(rows.begin(), rows.end(), [](const SmokeRow& row) { return !row.permitted; });
  if (failed == 0 && left_out > 0)
    return fmt::format("{} of {} passed; {} not permitted here.\n", std::ssize(rows) - left_out, rows.size(), left_out);
  if (failed > 0) return fmt::format("{} of {} failed.\n", failed, rows.size());
  return rows.size() == 1 ? "It passed.\n" : fmt::format("All {} passed.\n", rows.size());
}

CommandResult render(const Context& context, const std::vector<SmokeRow>& rows) {
  bool passed = true;
  std::string text;
  nlohmann::ordered_json operations = nlohmann::ordered_json::array();
  for (const SmokeRow& row : rows) {
    passed = passed && row.passed;
    const char* const mark = !row.permitted ? "–" : row.passed ? "✓" : "✗";
    const char* const paint = !row.permitted ? color_dim : row.passed ? color_green : color_red;
    text += fmt::format("  {} {:<20} {}  {:.0f} ms\n", painted(mark, paint, context.colors_results()), row.name,
                        printable(row.text), row.milliseconds);
    operations.push_back({{"name", row.name},
                          {"passed", row.permitted ? nlohmann::ordered_json(row.passed) : nlohmann::ordered_json()},
                          {"text", row.text},
                          {"milliseconds", row.milliseconds}});
  }
  const int code = static_cast<int>(passed ? ExitCode::ok : ExitCode::failure);
  if (context.format() == OutputFormat::table) return {text + verdict(rows), code};
  if (context.format() == OutputFormat::junit) {
    std::vector<JunitCase> cases;
    for (const SmokeRow& row : rows) {
      JunitCase one{.name = row.name, .text = row.text, .seconds = row.milliseconds / 1000};
      if (!row.permitted) one.skipped = row.text;
      if (!row.passed) one.failure = row.text;
      cases.push_back(std::move(one));
    }
    return {junit("smoke redis", cases), code};
  }
  const nlohmann::ordered_json object = {
      {"passed", passed}, {"preset", context.preset.name}, {"operations", operations}};
  return {formatted(object, context.format()), code};
}

CommandResult run_all_operations(Context& context, const RedisSettings& settings, Place& place) {
  Preset preset = context.preset;
  preset.streams = settings.streams;  // as this run has them
  std::array<std::uint8_t, 8> bytes{};
  context.random.fill(bytes);
  std::string id;
  for (const std::uint8_t byte : bytes) id += fmt::format("{:02x}", byte);
  place.endpoint(question_deadline(context));  // it can be reached: else that is said once, not for each operation
  SmokeBench bench([&] { return place.connect(question_deadline(context)); }, preset, id, context.runner,
                   [&] { return place.administer(question_deadline(context)); });
  return render(context, run_smoke(context, bench));
}

/// What --dry-run says: the operations in their order, and what they would write and take away again.
CommandResult would_run(const Context& context, const std::string& subject) {
  std::string text;
  std::vector<std::string> keys = {fmt::format("{}{{ID}}:* (ID is the run's own)", SmokeBench::prefix)};
  nlohmann::ordered_json operations = nlohmann::ordered_json::array();
  for (const SmokeOperation& operation : context.preset.smoke) {
    const SmokeTest& test = find_test(operation.name);
    text += fmt::format("  - {:<20} {}\n", test.name, test.summary);
    operations.push_back({{"name", test.name}, {"would_do", test.summary}});
    if (!test.touches.empty()) keys.emplace_back(test.touches);
  }
  if (context.format() == OutputFormat::table) {
    text = fmt::format("Would do on {}:\n{}Would write, and take away again:\n", subject, text);
    for (const std::string& key : keys) text += "  - " + key + "\n";
    return {text + "Nothing was changed (--dry-run).\n"};
  }
  const nlohmann::ordered_json object = {
      {"dry_run", true}, {"preset", context.preset.name}, {"operations", operations}, {"keys", keys}};
  return {formatted(object, context.format())};
}

}  // namespace

std::vector<SmokeRow> run_smoke(Context& context, SmokeBench& bench) {
  for (const SmokeOperation& operation : bench.preset().smoke) find_test(operation.name);  // before anything is written
  std::vector<SmokeRow> rows;
  const TimePoint started = context.clock.now();
  try {
    for (const SmokeOperation& operation : bench.preset().smoke) {
      context.signals.check();
      // a screen shows what goes on; in a pipe the result says it all
      if (context.terminal.rewrites) context.reporter.step_progress("smoke", operation.name);
      rows.push_back(run_one(context, operation, bench));
    }
    context.signals.check();
    if (context.terminal.rewrites) {
      const bool passed = std::all_of(rows.begin(), rows.end(), [](const SmokeRow& row) { return row.passed; });
      context.reporter.step_ended("smoke", passed ? Mark::done : Mark::failed,
                                  counted(std::ssize(rows), "operation", "operations"),
                                  std::chrono::duration_cast<Duration>(context.clock.now() - started));
    }
  } catch (const BaseError& error) {
    if (context.terminal.rewrites)
      context.reporter.step_ended("smoke", Mark::failed, error.message(),
                                  std::chrono::duration_cast<Duration>(context.clock.now() - started));
    bench.clean();
    throw;
  }
  bench.clean();
  return rows;
}

std::vector<OptionSpec> smoke_options() {
  return {{.name = "durability",
           .help = "Kill Redis during acknowledged writes and report what survived; asks first",
           .kind = OptionKind::flag,
           .flag_only = true}};
}

CommandResult smoke_redis(Context& context, const std::vector<std::string>&) {
  mention_unfinished(context);
  const bool durability = context.settings.flag("durability");
  const auto [place, settings] = open_recorded(context, durability ? NeedsPreset::no : NeedsPreset::yes);
  if (context.format() == OutputFormat::junit && (durability || context.guard.dry_run()))
    throw Error(ExitCode::usage, "only the operations of the preset are written as junit", "use -o json or -o yaml");
  if (durability) return smoke_durability(context, *place);
  if (context.guard.dry_run()) return would_run(context, place->subject());
  return run_all_operations(context, settings, *place);
}

}  // namespace raibid
