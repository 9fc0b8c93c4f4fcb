#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "components/redis/server/data_counts.hpp"
#include "sys/files.hpp"

namespace raibid {

class RedisConnection;

/// What a Redis reads when it starts: the names of its files in its data folder.
struct DataFiles {
  bool aof = true;                       ///< appendonly; else it reads the RDB
  std::string folder = "appendonlydir";  ///< appenddirname; "" before Redis 7, whose AOF is one file
  std::string base = "appendonly.aof";   ///< appendfilename
  std::string dump = "dump.rdb";         ///< dbfilename

  bool has_folder() const { return aof && !folder.empty(); }
  /// What is renamed: the folder of the AOF, its one file, or the RDB.
  const std::string& name() const { return !aof ? dump : folder.empty() ? base : folder; }
  /// Where an RDB goes, seen from the data folder. An AOF of one file may begin with one (aof-use-rdb-preamble).
  std::string rdb() const;
};

/// A file that takes the place of a Redis' data.
struct RestorePlan {
  std::filesystem::path file;
  FileStamp stamp;  ///< of `file` when it was looked at first: it has to stay the same
  std::int64_t bytes = 0;
  std::string sha256;   ///< "" when nobody has said or read it
  bool hashed = false;  ///< `sha256` was read from the file; else its manifest says so, which is to be compared
  std::string what;     ///< for people: "the backup of 2026-01-31T09:08:07Z"
  DataFiles files;
  bool counted = false;  ///< `counts` are those of the file
  DataCounts counts;
  bool keep_old = false;  ///< nobody has a copy of the old data: they stay beside the new ones
  /// Asks the user, and takes the copy. Called once, after all checks have passed and before anything is changed.
  std::function<void()> agree{};
};

/// What is said of a file that its manifest does not describe.
std::string damaged_backup(const std::filesystem::path& file);

/// What the restored Redis holds, for people. Throws Error (failure) when it lacks something that the backup has.
std::string compare_counts(const RestorePlan& plan, RedisConnection& redis);

/// In the data folder: what is being brought (with the id of the run behind it), what was there before, and what was
/// there before once the new data are proved. The rename from the second name to the third is the moment from which the
/// restore is done: what undoes it finds nothing to bring back then.
inline constexpr const char* incoming_prefix = "restore-";
inline constexpr const char* before_restore = "before-restore";
inline constexpr const char* replaced_by_restore = "replaced-by-restore";
/// Instead of it where the old data stay, with the id of the run behind it.
inline constexpr const char* kept_prefix = "kept-before-restore-";

/// The manifest of an AOF folder with an RDB as its base alone (redis.io/docs/latest/operate/oss_and_stack/management/
/// persistence, "How it works"): Redis adds the rest itself.
std::string aof_manifest(const std::string& base);

}  // namespace raibid
