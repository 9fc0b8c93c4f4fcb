#pragma once

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "components/component.hpp"
#include "components/redis/commands/backup/store.hpp"
#include "components/redis/place/place.hpp"

namespace raibid {

/// The rows of `backup redis|ls|verify|prune` and `restore redis`.
std::vector<ComponentCommand> backup_commands();

CommandResult backup_redis(Context& context, const std::vector<std::string>& arguments);
CommandResult backup_ls(Context& context, const std::vector<std::string>& arguments);
CommandResult backup_verify(Context& context, const std::vector<std::string>& arguments);
CommandResult backup_prune(Context& context, const std::vector<std::string>& arguments);
CommandResult backup_drill(Context& context, const std::vector<std::string>& arguments);
CommandResult restore_redis(Context& context, const std::vector<std::string>& arguments);

/// Takes a backup of `place` into `address` and says how it goes. What it is: its manifest, as written. Throws Error:
/// preflight (no room, Redis does not let us), failure (nothing is left of it).
struct TakenBackup {
  BackupManifest manifest;
  std::string path;    ///< the same for programs
  std::string shown;   ///< where it is, for people
  double seconds = 0;  ///< that the copy took
};
TakenBackup take_backup(Context& context, Place& place, const RedisSettings& settings, const BackupAddress& address,
                        bool verify);

/// Whose backup this is, for the manifest.
BackupManifest manifest_of(Context& context, Place& place, const RedisSettings& settings);

/// In the format that was asked for.
CommandResult backup_result(const Context& context, const std::function<std::string()>& text,
                            const nlohmann::ordered_json& object);

/// The folder that the only argument names. Throws Error (usage).
BackupStore backup_store_of(Context& context, const std::vector<std::string>& arguments);

/// The newest backup of the release that is not damaged. Where several Redis of that name share a place, it is one of
/// the Redis that `owner` names (BackupManifest::owner). Throws Error (`code`) when `where` has no such backup.
StoredBackup newest_backup(const std::vector<StoredBackup>& newest_first, const std::string& release,
                           const std::function<std::string()>& owner, const std::string& where, ExitCode code);

/// Throws Error (failure) when the file is not the one that the manifest describes, by length and SHA-256.
void check_backup_file(const fs::path& file, const BackupManifest& manifest);

/// A sentence of one line about a backup: when, how much, of what.
std::string about_backup(const BackupManifest& manifest);

/// Which of these backups of one Redis, newest first, go: all but the newest `keep`, the newest of each of the last
/// `daily` days and `weekly` weeks that have one, the newest of all, and the newest that is verified. Those without a
/// manifest are never among them.
struct KeepRules {
  std::int64_t keep = 0, daily = 0, weekly = 0;
};
std::vector<StoredBackup> surplus(const std::vector<StoredBackup>& newest_first, const KeepRules& rules);

}  // namespace raibid
