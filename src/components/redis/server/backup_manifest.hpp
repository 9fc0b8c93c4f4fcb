#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "components/redis/server/data_counts.hpp"
#include "sys/clock.hpp"

namespace raibid {

/// What a backup says of itself, in a .json beside the .rdb. It holds no password; the names of streams and groups are
/// in it.
struct BackupManifest {
  std::string file;   ///< the name of the .rdb, without its folder
  std::string taken;  ///< RFC 3339, when the copy was complete
  std::string target, cluster_uid, context, name_space, release, preset;
  std::string subject;  ///< for people
  std::string redis_version;
  std::int64_t bytes = 0;
  std::string sha256;
  std::int64_t used_memory = 0;  ///< of the server that it was taken of; 0 when that is not known
  bool exact = false;            ///< the counts are those of the file; else of the server a moment before
  DataCounts counts;
  bool verified = false;       ///< a server has loaded the file, and the counts were compared
  std::string verified_with;   ///< "redis-server 7.0.15"
  std::string not_verified{};  ///< why not

  /// Backups of one Redis have the same.
  std::string owner() const;
};

std::string to_json(const BackupManifest& manifest);
/// std::nullopt for what is no manifest of ours. Throws Error (failure) that begins with `where` for one of ours that
/// is damaged.
std::optional<BackupManifest> parse_backup_manifest(const std::string& text, const std::string& where);

/// "raibid-redis-20260131T090807Z": what backups of a release are named, without ".rdb".
std::string backup_name(const std::string& release, std::chrono::system_clock::time_point time);
/// Whether `file` is such a name with ".rdb" (or ".json"), of this release; of any with "".
bool is_backup_name(std::string_view file, std::string_view release = {});

/// "3 days", "2 h", "5 min", "now": how long ago; "-" for what is no time.
std::string age_text(WallTime now, const std::string& then);
/// The same to follow a time: "3 days ago", "now".
std::string ago(WallTime now, const std::string& then);

/// The version of an RDB file by its first bytes ("REDIS0010" → 10), 0 when it is none.
int rdb_version(std::string_view first_bytes);
/// The newest version of RDB that this server reads ("7.0.15" → 10); 0 when that is not known
/// (github.com/redis/redis/blob/unstable/src/rdb.h over the releases).
int newest_rdb_version(const std::string& server_version);

}  // namespace raibid
