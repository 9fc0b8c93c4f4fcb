// `backup drill`: whether the newest backup would do, tried out and thrown away.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/presets.hpp"
#include "components/redis/commands/backup/backup.hpp"
#include "components/redis/commands/smoke/operation.hpp"
#include "components/redis/commands/smoke/smoke.hpp"
#include "components/redis/place/throw_away.hpp"
#include "components/redis/settings/options.hpp"
#include "components/redis/settings/record.hpp"
#include "sys/random.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

/// That of the backup, unless another is asked for, or this program does not know it.
Preset preset_of_backup(const Context& context, const BackupManifest& manifest) {
  const auto known = builtin_presets();
  const bool given = context.settings.origin("preset").source != Source::default_value;
  if (given || std::find(known.begin(), known.end(), manifest.preset) == known.end()) return context.preset;
  std::vector<OptionSpec> options = global_options();
  for (const OptionSpec& option : redis_options()) options.push_back(option);
  return load_preset(manifest.preset, options);
}

/// `to`: where a backup can be taken now; "" where only the schedule writes.
void refuse_old(const Context& context, const BackupManifest& manifest, const std::string& to) {
  if (!context.settings.is_set("max-age")) return;
  const auto taken = parse_rfc3339(manifest.taken);
  const Duration limit = context.settings.duration("max-age");
  if (taken && context.clock.wall() - *taken <= limit) return;
  throw Error(ExitCode::failure,
              fmt::format("the newest backup is of {} ({}), older than --max-age", printable(manifest.taken),
                          ago(context.clock.wall(), manifest.taken)),
              to.empty() ? "status says why there is no newer one, and how to take one now: " +
                               context.scope().command("status redis")
                         : "take one: " + context.scope().command("backup redis", shell_quote(to)));
}

std::string run_of_drill(Context& context) {
  std::array<std::uint8_t, 8> bytes{};
  context.random.fill(bytes);
  std::string id;
  for (const std::uint8_t byte : bytes) id += fmt::format("{:02x}", byte);
  return id;
}

CommandResult drill_result(const Context& context, const StoredBackup& backup, const DataCounts& counts,
                           const std::vector<SmokeRow>& rows) {
  ordered_json operations = ordered_json::array();
  std::string text = fmt::format("{}: {}\n", printable(backup.name), about_backup(*backup.manifest));
  bool passed = true;
  for (const SmokeRow& row : rows) {
    passed = passed && row.passed;
    const char* const mark = !row.permitted ? "–" : row.passed ? "✓" : "✗";
    text += fmt::format("  {} {:<20} {}\n", mark, row.name, printable(row.text));
    operations.push_back({{"name", row.name}, {"passed", row.passed}, {"text", row.text}});
  }
  const ordered_json object = {{"file", printable(backup.name)},
                               {"taken", backup.manifest->taken},
                               {"keys", counts.keys()},
                               {"passed", passed},
                               {"operations", operations}};
  CommandResult result = backup_result(
      context,
      [&] {
        return text + (passed ? "This backup can be restored.\n" : "Restored, but the application would not work.\n");
      },
      object);
  if (!passed) result.exit_code = static_cast<int>(ExitCode::failure);
  return result;
}

}  // namespace

CommandResult backup_drill(Context& context, const std::vector<std::string>& arguments) {
  BackupStore store = backup_store_of(context, arguments);
  if (context.guard.dry_run())
    return told(
        fmt::format("Would load the newest backup of {} into a throw-away server (on a cluster in a namespace of its "
                    "own), and run the preset's smoke "
                    "operations there. Nothing was changed (--dry-run).\n",
                    store.shown()));
  const RedisSettings settings = settings_to_find(context);
  const StoredBackup backup = newest_backup(
      store.list(), settings.release,
      [&] { return manifest_of(context, *open_place(context, settings), settings).owner(); }, store.shown(),
      ExitCode::failure);
  const BackupManifest& manifest = *backup.manifest;
  refuse_old(context, manifest, store.is_claim() ? "" : arguments.front());
  const Preset preset = preset_of_backup(context, manifest);
  const TemporaryDirectory folder(context.paths.temporary, "backup");
  const fs::path file = store.fetch(backup.name, folder.path());
  check_backup_file(file, manifest);
  const std::unique_ptr<ThrowAwayRedis> restored = open_throw_away(context, settings, file);
  context.reporter.note(fmt::format("{} is loaded in {}", printable(backup.name), restored->where()));
  const DataCounts counts = count_all(*restored->connect());
  const auto missing = manifest.exact ? missing_data(manifest.counts, counts) : std::vector<std::string>{};
  if (!missing.empty())
    throw Error(ExitCode::failure,
                fmt::format("{} differs from its manifest: {}", printable(backup.name), join(missing, "; ")));
  SmokeBench bench([&restored] { return restored->connect(); }, preset, run_of_drill(context), context.runner);
  return drill_result(context, backup, counts, run_smoke(context, bench));
}

}  // namespace raibid
