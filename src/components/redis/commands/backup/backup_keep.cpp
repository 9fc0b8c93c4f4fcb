// `backup ls`, `verify` and `prune`: what is kept, whether it is good, and what goes.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/backup/backup.hpp"
#include "components/redis/commands/backup/proof.hpp"
#include "components/redis/run/agree.hpp"
#include "sys/new_file.hpp"
#include "sys/sha256.hpp"
#include "ui/reporter.hpp"
#include "ui/table.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

const std::string& only_argument(const std::vector<std::string>& arguments, const char* what) {
  if (arguments.size() != 1) throw Error(ExitCode::usage, fmt::format("this needs {}", what));
  return arguments.front();
}

ordered_json backup_data(const StoredBackup& backup, const Context& context) {
  ordered_json object = {{"file", printable(backup.name)}, {"bytes", backup.bytes}};
  if (!backup.manifest) {
    object["problem"] = backup.problem;
    return object;
  }
  const BackupManifest& manifest = *backup.manifest;
  const auto taken = parse_rfc3339(manifest.taken);
  object["taken"] = manifest.taken;
  object["age_seconds"] =
      taken ? std::chrono::duration_cast<std::chrono::seconds>(context.clock.wall() - *taken).count() : 0;
  object["target"] = manifest.target;
  object["namespace"] = manifest.name_space;
  object["release"] = manifest.release;
  object["redis_version"] = manifest.redis_version;
  object["keys"] = manifest.counts.keys();
  object["verified"] = manifest.verified;
  object["whole"] = backup.bytes == manifest.bytes;
  return object;
}

std::vector<std::string> backup_cells(const StoredBackup& backup, const Context& context) {
  if (!backup.manifest) return {backup.name, "-", "-", format_bytes(backup.bytes), "-", "-", backup.problem};
  const BackupManifest& manifest = *backup.manifest;
  const std::string state = backup.bytes != manifest.bytes ? "damaged" : manifest.verified ? "yes" : "no";
  return {backup.name,
          manifest.taken,
          age_text(context.clock.wall(), manifest.taken),
          format_bytes(backup.bytes),
          with_separators(manifest.counts.keys()),
          state,
          manifest.subject};
}

/// Monday is a week's first day (ISO 8601).
std::pair<std::int64_t, std::int64_t> day_and_week(const std::string& taken) {
  const auto time = parse_rfc3339(taken);
  if (!time) return {0, 0};
  const std::int64_t day = std::chrono::floor<std::chrono::days>(*time).time_since_epoch().count();
  return {day, (day + 3) / 7};  // 1970-01-01 was a Thursday
}

}  // namespace

BackupStore backup_store_of(Context& context, const std::vector<std::string>& arguments) {
  const BackupAddress address =
      parse_backup_address(only_argument(arguments, "the folder that holds the backups, or rclone:REMOTE:PATH"));
  if (address.is_one_file() || address.kind == BackupAddress::Kind::output)
    throw Error(ExitCode::usage, fmt::format("{} is not a folder", printable(arguments.front())),
                "give the folder that holds the backups");
  return BackupStore(context, address);
}

void check_backup_file(const fs::path& file, const BackupManifest& manifest) {
  std::error_code none;
  const auto bytes = static_cast<std::int64_t>(fs::file_size(file, none));
  if (bytes != manifest.bytes) {
    throw Error(ExitCode::failure, fmt::format("{} has {} bytes, and its manifest says {}: it is damaged",
                                               file.string(), bytes, manifest.bytes));
  }
  Sha256 hash;
  read_in_pieces(file, [&hash](std::string_view piece) { hash.add(piece); });
  if (hash.hex() != manifest.sha256)
    throw Error(ExitCode::failure,
                fmt::format("{}: its SHA-256 is not that of its manifest: it is damaged", file.string()));
}

std::vector<StoredBackup> surplus(const std::vector<StoredBackup>& newest_first, const KeepRules& rules) {
  std::set<std::int64_t> days, weeks;
  std::int64_t count = 0;
  bool verified = false;
  std::vector<StoredBackup> goes;
  for (const StoredBackup& backup : newest_first) {
    // a damaged one is no backup: it takes no good one's place, and stays for whoever looks into it
    if (!backup.manifest || backup.bytes != backup.manifest->bytes) continue;
    const auto [day, week] = day_and_week(backup.manifest->taken);
    bool stays = count < std::max<std::int64_t>(rules.keep, 1);  // the newest always
    ++count;
    if (std::ssize(days) < rules.daily && days.insert(day).second) stays = true;
    if (std::ssize(weeks) < rules.weekly && weeks.insert(week).second) stays = true;
    if (!verified && backup.manifest->verified) stays = verified = true;
    if (!stays) goes.push_back(backup);
  }
  return goes;
}

StoredBackup newest_backup(const std::vector<StoredBackup>& newest_first, const std::string& release,
                           const std::string& where, ExitCode code) {
  for (const StoredBackup& one : newest_first) {
    if (one.manifest && one.manifest->release == release && one.manifest->bytes == one.bytes) return one;
  }
  throw Error(code, fmt::format("there is no whole backup of release {} in {}", release, where),
              "name the file itself to restore one of another release");
}

CommandResult backup_ls(Context& context, const std::vector<std::string>& arguments) {
  BackupStore store = backup_store_of(context, arguments);
  const std::vector<StoredBackup> backups = store.list();
  ordered_json list = ordered_json::array();
  for (const StoredBackup& backup : backups) list.push_back(backup_data(backup, context));
  return backup_result(
      context,
      [&]() -> std::string {
        if (backups.empty()) return fmt::format("No backups in {}.\n", store.shown());
        Table table({"NAME", "TAKEN", "AGE", "SIZE", "KEYS", "VERIFIED", "OF"});
        for (const StoredBackup& backup : backups) table.add(backup_cells(backup, context));
        return table.text();
      },
      list);
}

CommandResult backup_verify(Context& context, const std::vector<std::string>& arguments) {
  const BackupAddress address = parse_backup_address(only_argument(arguments, "a file that ends with .rdb"));
  if (!address.is_one_file())
    throw Error(ExitCode::usage, fmt::format("{} is no file that ends with .rdb", printable(arguments.front())),
                "give one of: " + context.scope().command("backup ls", shell_quote(arguments.front())));
  auto [store, name] = BackupStore::of_file(context, address);
  if (context.guard.dry_run())
    return told(
        fmt::format("Would load {} into a scratch server. Nothing was changed (--dry-run).\n", printable(name)));
  const StoredBackup backup = store.look_at(name);
  const TemporaryDirectory folder(context.paths.temporary, "backup");
  const fs::path file = store.fetch(name, folder.path());
  if (backup.manifest) check_backup_file(file, *backup.manifest);
  const Proof proof = prove_file(context, file, backup.manifest ? backup.manifest->used_memory : 0);
  if (!proof.loaded) {
    throw Error(ExitCode::preflight, fmt::format("{} cannot be verified here: {}", printable(name), proof.why_not),
                "redis-server is needed: sudo apt-get install redis-server");
  }
  if (backup.manifest) {
    const auto missing = missing_data(backup.manifest->counts, proof.counts);
    const bool compares = backup.manifest->exact;
    if (compares && !missing.empty())
      throw Error(ExitCode::failure,
                  fmt::format("{} differs from its manifest: {}", printable(name), join(missing, "; ")));
    if (!backup.manifest->verified) {
      BackupManifest now = *backup.manifest;
      now.verified = now.exact = true;
      now.verified_with = proof.with;
      now.not_verified.clear();
      now.counts = proof.counts;
      store.rewrite(name, now);
    }
  }
  const ordered_json object = {{"file", printable(name)},
                               {"verified", true},
                               {"verified_with", proof.with},
                               {"keys", proof.counts.keys()},
                               {"manifest", backup.manifest.has_value()}};
  return backup_result(
      context,
      [&] {
        return fmt::format("{}: {} loads it, {}{}\n", printable(name), proof.with, proof.counts.text(),
                           backup.manifest ? ", as its manifest says" : "; it has no manifest to compare with");
      },
      object);
}

CommandResult backup_prune(Context& context, const std::vector<std::string>& arguments) {
  BackupStore store = backup_store_of(context, arguments);
  const Settings& settings = context.settings;
  KeepRules rules{settings.integer("keep"), settings.integer("keep-daily"), settings.integer("keep-weekly")};
  if (rules.keep < 0 || rules.daily < 0 || rules.weekly < 0 || rules.keep + rules.daily + rules.weekly == 0) {
    throw Error(ExitCode::usage, "prune needs to know how many to keep",
                "for example: " + context.scope().command("backup prune", shell_quote(arguments.front()) +
                                                                              " --keep-daily 7 --keep-weekly 4"));
  }
  std::map<std::string, std::vector<StoredBackup>> of_each;
  for (StoredBackup& backup : store.list()) {
    if (backup.manifest) of_each[backup.manifest->owner()].push_back(std::move(backup));
  }
  std::vector<StoredBackup> goes;
  std::int64_t stays = 0;
  for (const auto& [owner, backups] : of_each) {
    const auto more = surplus(backups, rules);
    stays += std::ssize(backups) - std::ssize(more);
    goes.insert(goes.end(), more.begin(), more.end());
  }
  ordered_json names = ordered_json::array();
  std::string list;
  for (const StoredBackup& backup : goes) {
    names.push_back(printable(backup.name));
    list += fmt::format("\n  - {}: {}", printable(backup.name), about_backup(*backup.manifest));
  }
  const std::string kept = counted(stays, "backup stays", "backups stay");
  if (goes.empty()) {
    return backup_result(context, [&] { return fmt::format("Nothing to remove: {}.\n", kept); },
                         {{"removed", names}, {"kept", stays}});
  }
  context.reporter.note(fmt::format("Will be removed from {}:{}\n{}", store.shown(), list, kept));
  if (context.guard.dry_run())
    return backup_result(context, [] { return std::string("Nothing was changed (--dry-run).\n"); },
                         {{"would_remove", names}, {"kept", stays}});
  std::string flags = shell_quote(arguments.front());
  for (const char* const name : {"keep", "keep-daily", "keep-weekly"})
    if (settings.is_set(name)) flags += fmt::format(" --{} {}", name, settings.integer(name));
  agree(context, fmt::format("{} will be removed", counted(std::ssize(goes), "backup", "backups")), "backup prune",
        flags);
  for (const StoredBackup& backup : goes) store.remove(backup.name);
  return backup_result(
      context, [&] { return fmt::format("Removed {}; {}.\n", counted(std::ssize(goes), "backup", "backups"), kept); },
      {{"removed", names}, {"kept", stays}});
}

}  // namespace raibid
