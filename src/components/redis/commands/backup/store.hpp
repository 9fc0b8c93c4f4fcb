#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "components/context.hpp"
#include "components/redis/place/backup_claim.hpp"
#include "components/redis/server/backup_manifest.hpp"
#include "sys/files.hpp"

namespace raibid {

/// What is typed for TO and FROM.
struct BackupAddress {
  enum class Kind { folder, file, output, rclone_folder, rclone_file, claim_folder, claim_file };
  Kind kind = Kind::folder;
  std::string
      path;  ///< of rclone: REMOTE:PATH; of a claim: its name ("" for the release's own), and behind a slash the file

  bool is_rclone() const { return kind == Kind::rclone_folder || kind == Kind::rclone_file; }
  bool is_claim() const { return kind == Kind::claim_folder || kind == Kind::claim_file; }
  bool is_one_file() const { return kind == Kind::file || kind == Kind::rclone_file || kind == Kind::claim_file; }
  bool is_folder() const { return kind != Kind::output && !is_one_file(); }
};
/// A folder, a file that ends with .rdb, "-", "rclone:REMOTE:PATH" of either, or "claim", "claim:NAME[/FILE.rdb]".
/// Throws Error (usage) for any other text.
BackupAddress parse_backup_address(const std::string& text);

/// A backup that is being written: whole or not there at all. It goes with the object unless `keep` was called.
class BackupWriter {
 public:
  virtual ~BackupWriter() = default;
  /// For people: where it will be.
  virtual std::string shown() const = 0;
  /// The same for programs, and to type.
  virtual std::string path() const { return shown(); }
  /// The name of the .rdb, without its folder.
  virtual std::string file() const = 0;
  /// Throws Error (failure) when it cannot be written.
  virtual void write(std::string_view bytes) = 0;
  /// All bytes are where they stay, under another name. Throws as `write`.
  virtual void end() = 0;
  /// What was stored, as a file of this machine; std::nullopt where it cannot be read again. After `end`.
  virtual std::optional<fs::path> stored() = 0;
  /// It gets its name, and this beside it. Throws as `write`.
  virtual void keep(const std::string& manifest) = 0;
};

/// A stored backup, as a list shows it.
struct StoredBackup {
  std::string name;  ///< of the .rdb
  std::int64_t bytes = 0;
  std::optional<BackupManifest> manifest;
  std::string problem;  ///< why there is no manifest
};

/// A folder with backups, of this machine or of an rclone remote, or a claim of a cluster.
class BackupStore {
 public:
  BackupStore(Context& context, BackupAddress address) : m_context(context), m_address(std::move(address)) {}

  std::string shown() const;
  bool is_claim() const { return m_address.is_claim(); }
  /// Where a backup of this name goes. Removes first what killed runs left there. Throws Error: (preflight) when there
  /// is one of that name, or no room for `bytes` (0: not known); (failure).
  std::unique_ptr<BackupWriter> write(const std::string& name, std::int64_t bytes);
  /// Those that have a manifest of ours and those whose name says that they are ours, newest first. Throws Error
  /// (failure) when the folder cannot be read.
  std::vector<StoredBackup> list();
  /// One of them, by the name of its .rdb.
  StoredBackup look_at(const std::string& name);
  /// It as a file of this machine: `folder` gets what is not here yet. Throws Error (failure).
  fs::path fetch(const std::string& name, const fs::path& folder);
  /// Removes a backup and its manifest.
  void remove(const std::string& name);
  /// What the manifest says from now on.
  void rewrite(const std::string& name, const BackupManifest& manifest);

  /// The store that a file is in, and its name there.
  static std::pair<BackupStore, std::string> of_file(Context& context, const BackupAddress& file);

 private:
  std::string remote_path(const std::string& name) const;
  BackupClaim& claim();
  std::vector<StoredBackup> list_claim();
  std::vector<StoredBackup> list_remote();
  std::vector<StoredBackup> list_folder();

  Context& m_context;
  BackupAddress m_address;  ///< always a folder
  std::shared_ptr<BackupClaim> m_claim;
};

/// To standard output; it has no manifest.
std::unique_ptr<BackupWriter> backup_to_output(Context& context);

/// "raibid-redis-20260131T090807Z.json" for the .rdb.
std::string manifest_name(const std::string& file);

}  // namespace raibid
