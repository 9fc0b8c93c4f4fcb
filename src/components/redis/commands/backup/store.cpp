#include "components/redis/commands/backup/store.hpp"

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <ostream>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/redis/commands/backup/rclone.hpp"
#include "components/redis/settings/backups.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/record.hpp"
#include "sys/new_file.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr std::string_view rclone_prefix = "rclone:";
constexpr std::string_view claim_prefix = "claim:";
constexpr std::string_view rdb_ending = ".rdb";
constexpr std::size_t manifest_limit = 16 << 20;
/// A part in a remote folder that is older was left by a run that was killed: there are no locks there.
constexpr auto stale_part = std::chrono::hours(24);

/// In a folder of this machine: NAME.rdb.part and NAME.json.part until both are whole.
class FolderWriter final : public BackupWriter {
 public:
  FolderWriter(Context& context, const fs::path& folder, const std::string& name)
      : m_context(context),
        m_json(context.files.new_file(folder / manifest_name(name))),  // a name that is taken is found out first
        m_rdb(context.files.new_file(folder / name)) {}

  std::string shown() const override { return m_context.paths.shown(m_rdb->path()); }
  std::string path() const override {
    std::error_code none;
    return fs::absolute(m_rdb->path(), none).string();
  }
  std::string file() const override { return m_rdb->path().filename().string(); }
  void write(std::string_view bytes) override { m_rdb->write(bytes); }
  void end() override { m_rdb->sync(); }
  std::optional<fs::path> stored() override { return m_rdb->part(); }

  void keep(const std::string& manifest) override {
    m_json->write(manifest);
    m_json->sync();
    // a run that is killed between the two leaves a whole file, and the next one gives the manifest its name
    m_rdb->keep();
    m_json->keep();
  }

 private:
  Context& m_context;
  std::unique_ptr<NewFile> m_json, m_rdb;
};

class RcloneWriter final : public BackupWriter {
 public:
  RcloneWriter(Context& context, std::string folder, std::string name)
      : m_context(context), m_rclone(context), m_folder(std::move(folder)), m_name(std::move(name)) {
    m_upload = m_rclone.begin_upload(at(m_name + ".part"));
  }
  ~RcloneWriter() override {
    if (m_kept) return;
    try {
      if (m_upload) m_upload->end();
      m_rclone.remove(at(m_name + ".part"));
      if (m_has_manifest) m_rclone.remove(at(manifest_name(m_name)));
    } catch (const BaseError& error) {
      m_context.reporter.warning(fmt::format("{}.part may have been left there: {}", m_name, error.message()));
    }
  }
  RcloneWriter(const RcloneWriter&) = delete;
  RcloneWriter& operator=(const RcloneWriter&) = delete;

  std::string shown() const override { return std::string(rclone_prefix) + at(m_name); }
  std::string file() const override { return m_name; }
  void write(std::string_view bytes) override { m_rclone.give(*m_upload, bytes); }
  void end() override {
    m_rclone.finish(*m_upload);
    m_upload.reset();
  }
  /// What the store gives back, not what we sent.
  std::optional<fs::path> stored() override {
    m_download.emplace(m_context.paths.temporary, "backup");
    const fs::path file = m_download->path() / m_name;
    m_rclone.download(at(m_name + ".part"), file);
    return file;
  }
  void keep(const std::string& manifest) override {
    // the file comes last: where it has its name it has a manifest, too
    m_has_manifest = true;
    m_rclone.upload(at(manifest_name(m_name)), manifest);
    m_rclone.move(at(m_name + ".part"), at(m_name));
    m_kept = true;
  }

 private:
  std::string at(const std::string& name) const { return Rclone::join(m_folder, name); }

  Context& m_context;
  Rclone m_rclone;
  std::string m_folder, m_name;
  std::unique_ptr<Process> m_upload;
  std::optional<TemporaryDirectory> m_download;
  bool m_has_manifest = false;  ///< there may be one
  bool m_kept = false;
};

class OutputWriter final : public BackupWriter {
 public:
  explicit OutputWriter(Context& context) : m_context(context) {}
  std::string shown() const override { return "standard output"; }
  std::string file() const override { return "-"; }
  void write(std::string_view bytes) override {
    errno = 0;
    m_context.results.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    check();
  }
  void end() override {
    errno = 0;
    m_context.results.flush();
    check();
  }
  std::optional<fs::path> stored() override { return std::nullopt; }
  void keep(const std::string&) override {}

 private:
  void check() const {
    if (!m_context.results) {
      throw Error(ExitCode::failure, errno == EPIPE
                                         ? "whoever reads standard output has gone: the copy there is not whole"
                                         : "standard output cannot be written: the copy there is not whole");
    }
  }
  Context& m_context;
};

/// Of what a run that was killed left: the manifest of a whole file is kept, all else goes.
void settle_folder(Context& context, const fs::path& folder) {
  const auto ours = [](const std::string& name) { return is_backup_name(name); };
  context.files.settle_parts(folder, ours, [](const fs::path& whole) {
    std::error_code none;
    fs::path rdb = whole;
    return whole.extension() == ".json" && fs::exists(rdb.replace_extension(rdb_ending), none);
  });
}

/// Of a remote folder: what a killed run of ours has not finished, a file without its name or a manifest without its
/// file.
bool is_left_over(const std::string& name, const std::function<bool(const std::string&)>& is_there) {
  constexpr std::string_view part = ".part", json = ".json";
  if (name.ends_with(part)) return is_backup_name(name.substr(0, name.size() - part.size()));
  if (!name.ends_with(json) || !is_backup_name(name)) return false;
  const std::string rdb = name.substr(0, name.size() - json.size()) + std::string(rdb_ending);
  return !is_there(rdb) && !is_there(rdb + std::string(part));
}

void add_manifest(StoredBackup& backup, const std::optional<std::string>& text, const std::string& where) {
  if (!text) {
    backup.problem = "no manifest";
    return;
  }
  try {
    backup.manifest = parse_backup_manifest(*text, where);
    if (!backup.manifest) backup.problem = manifest_name(backup.name) + " is not a backup's manifest";
  } catch (const Error& error) {
    backup.problem = error.message();
  }
  if (backup.manifest && backup.manifest->file != backup.name) {
    backup.problem = fmt::format("its manifest is that of {}", printable(backup.manifest->file));
    backup.manifest.reset();
  }
}

std::string time_of(const StoredBackup& backup) {
  if (backup.manifest) return backup.manifest->taken;
  return "";
}

void sort_newest_first(std::vector<StoredBackup>& backups) {
  std::sort(backups.begin(), backups.end(), [](const StoredBackup& a, const StoredBackup& b) {
    return std::pair(time_of(a), a.name) > std::pair(time_of(b), b.name);
  });
}

}  // namespace

std::string manifest_name(const std::string& file) {
  return (file.ends_with(rdb_ending) ? file.substr(0, file.size() - rdb_ending.size()) : file) + ".json";
}

BackupAddress parse_backup_address(const std::string& text) {
  using Kind = BackupAddress::Kind;
  if (text == "-") return {Kind::output, text};
  if (text.starts_with(rclone_prefix)) {
    const std::string path = text.substr(rclone_prefix.size());
    if (path.find(':') == std::string::npos || path.starts_with('-')) {
      throw Error(ExitCode::usage, fmt::format("{} names no remote of rclone", printable(text)),
                  "write rclone:REMOTE:PATH; the remotes that rclone knows: rclone listremotes");
    }
    return {path.ends_with(rdb_ending) ? Kind::rclone_file : Kind::rclone_folder, path};
  }
  if (text == claim_word) return {Kind::claim_folder, ""};
  if (text.starts_with(claim_prefix)) {
    const std::string path = text.substr(claim_prefix.size());
    const bool is_file = path.ends_with(rdb_ending);
    const std::string name = path.substr(0, path.find('/'));
    if (!is_dns_subdomain(name) || (is_file ? path.rfind('/') != name.size() : path != name))
      throw Error(ExitCode::usage, fmt::format("{} names no claim", printable(text)),
                  "write claim:NAME, claim:NAME/FILE.rdb, or claim alone for the one that setup made");
    return {is_file ? Kind::claim_file : Kind::claim_folder, path};
  }
  if (text.empty())
    throw Error(ExitCode::usage, "an empty name is no folder", "give a folder, a file that ends with .rdb, or -");
  std::error_code none;
  if (fs::is_directory(text, none)) return {Kind::folder, text};
  if (text.ends_with(rdb_ending)) return {Kind::file, text};
  if (fs::exists(text, none) && !text.ends_with('/')) {
    throw Error(ExitCode::usage, fmt::format("{} is no folder, and no file that ends with .rdb", printable(text)),
                "give a folder, or a file that ends with .rdb");
  }
  return {Kind::folder, text};
}

std::string BackupStore::shown() const {
  if (m_address.is_claim()) return m_address.path.empty() ? claim_word : std::string(claim_prefix) + m_address.path;
  return m_address.is_rclone() ? std::string(rclone_prefix) + m_address.path : m_context.paths.shown(m_address.path);
}

std::pair<BackupStore, std::string> BackupStore::of_file(Context& context, const BackupAddress& file) {
  if (file.is_rclone()) {
    const std::size_t slash = file.path.rfind('/'), colon = file.path.find(':');
    const std::size_t cut = slash == std::string::npos ? colon + 1 : slash;
    return {BackupStore(context, {BackupAddress::Kind::rclone_folder, file.path.substr(0, cut)}),
            file.path.substr(slash == std::string::npos ? cut : cut + 1)};
  }
  if (file.is_claim()) {
    const std::size_t slash = file.path.find('/');
    return {BackupStore(context, {BackupAddress::Kind::claim_folder, file.path.substr(0, slash)}),
            file.path.substr(slash + 1)};
  }
  const fs::path path(file.path);
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  return {BackupStore(context, {BackupAddress::Kind::folder, folder.string()}), path.filename().string()};
}

std::string BackupStore::remote_path(const std::string& name) const { return Rclone::join(m_address.path, name); }

BackupClaim& BackupStore::claim() {
  if (!m_claim) m_claim = open_backup_claim(m_context, settings_to_find(m_context), m_address.path);
  return *m_claim;
}

std::vector<StoredBackup> BackupStore::list_claim() {
  std::vector<StoredBackup> backups;
  for (const BackupClaim::Entry& entry : claim().list()) {
    if (!entry.manifest && !is_backup_name(entry.name)) continue;
    StoredBackup backup{entry.name, entry.bytes, {}, {}};
    add_manifest(backup, entry.manifest, manifest_name(entry.name));
    if (backup.manifest || is_backup_name(entry.name)) backups.push_back(std::move(backup));
  }
  return backups;
}

std::unique_ptr<BackupWriter> BackupStore::write(const std::string& name, std::int64_t bytes) {
  if (m_address.is_claim()) {
    throw Error(
        ExitCode::usage, "the schedule writes into a claim, and this command does not",
        "give a folder, or rclone:REMOTE:PATH; `status redis` has the command that starts the schedule's job now");
  }
  if (!m_address.is_rclone()) {
    const fs::path folder(m_address.path);
    std::error_code none;
    if (!fs::is_directory(folder, none)) m_context.files.make_private_directory(folder);
    settle_folder(m_context, folder);
    const long long room = free_bytes(folder);
    if (room >= 0 && bytes > 0 && room < bytes) {
      throw Error(ExitCode::preflight,
                  fmt::format("{} has room for {}, and the data take {} in Redis: the copy may not fit", shown(),
                              format_bytes(room), format_bytes(bytes)),
                  "make room, or choose another folder");
    }
    return std::make_unique<FolderWriter>(m_context, folder, name);
  }
  Rclone rclone(m_context);
  const std::vector<Rclone::Entry> entries = rclone.list(m_address.path);
  const auto is_there = [&](const std::string& wanted) {
    return std::any_of(entries.begin(), entries.end(), [&](const Rclone::Entry& one) { return one.name == wanted; });
  };
  for (const std::string& taken : {name, manifest_name(name)}) {
    if (is_there(taken))
      throw Error(ExitCode::preflight, fmt::format("{} exists and is not overwritten", remote_path(taken)),
                  "choose another name");
  }
  for (const Rclone::Entry& entry : entries) {
    const auto changed = parse_rfc3339(entry.changed);
    if (!changed || m_context.clock.wall() - *changed <= stale_part || !is_left_over(entry.name, is_there)) continue;
    rclone.remove(remote_path(entry.name));
  }
  return std::make_unique<RcloneWriter>(m_context, m_address.path, name);
}

std::unique_ptr<BackupWriter> backup_to_output(Context& context) {
  if (::isatty(STDOUT_FILENO) != 0) {
    throw Error(ExitCode::usage, "the copy is not text, and standard output is a terminal",
                "send it into a file or a program, or give a folder");
  }
  return std::make_unique<OutputWriter>(context);
}

std::vector<StoredBackup> BackupStore::list() {
  auto backups = m_address.is_claim() ? list_claim() : m_address.is_rclone() ? list_remote() : list_folder();
  sort_newest_first(backups);
  return backups;
}

std::vector<StoredBackup> BackupStore::list_folder() {
  std::vector<StoredBackup> backups;
  std::error_code problem;
  const fs::directory_iterator entries(m_address.path, problem);
  if (problem) {
    throw Error(ExitCode::failure, fmt::format("{}: {}", printable(m_address.path), problem.message()),
                "give the folder that holds the backups");
  }
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename().string();
    std::error_code none;
    if (!name.ends_with(rdb_ending) || !entry.is_regular_file(none)) continue;
    StoredBackup backup = look_at(name);
    if (backup.manifest || is_backup_name(name)) backups.push_back(std::move(backup));
  }
  return backups;
}

std::vector<StoredBackup> BackupStore::list_remote() {
  Rclone rclone(m_context);
  std::vector<StoredBackup> backups;
  const std::vector<Rclone::Entry> entries = rclone.list(m_address.path);
  for (const Rclone::Entry& entry : entries) {
    if (!entry.name.ends_with(rdb_ending)) continue;
    const std::string json = manifest_name(entry.name);
    const bool has_manifest =
        std::any_of(entries.begin(), entries.end(), [&](const Rclone::Entry& one) { return one.name == json; });
    if (!has_manifest && !is_backup_name(entry.name)) continue;
    StoredBackup backup{entry.name, entry.bytes, {}, {}};
    add_manifest(backup, has_manifest ? rclone.read(remote_path(json)) : std::nullopt, remote_path(json));
    if (backup.manifest || is_backup_name(entry.name)) backups.push_back(std::move(backup));
  }
  return backups;
}

StoredBackup BackupStore::look_at(const std::string& name) {
  if (m_address.is_claim()) {
    for (StoredBackup& backup : list_claim()) {
      if (backup.name == name) return std::move(backup);
    }
    return {name, 0, {}, "no manifest"};
  }
  if (m_address.is_rclone()) {
    Rclone rclone(m_context);
    StoredBackup backup{name, 0, {}, {}};
    for (const Rclone::Entry& entry : rclone.list(m_address.path)) {
      if (entry.name == name) backup.bytes = entry.bytes;
    }
    add_manifest(backup, rclone.read(remote_path(manifest_name(name))), remote_path(manifest_name(name)));
    return backup;
  }
  const fs::path path = fs::path(m_address.path) / name;
  std::error_code none;
  const auto size = fs::file_size(path, none);
  StoredBackup backup{name, none ? 0 : static_cast<std::int64_t>(size), {}, {}};
  const fs::path json = fs::path(m_address.path) / manifest_name(name);
  add_manifest(backup, read_file(json, manifest_limit), json.string());
  return backup;
}

fs::path BackupStore::fetch(const std::string& name, const fs::path& folder) {
  if (m_address.is_claim()) {
    fs::path path = folder / name;
    claim().download(name, path);
    return path;
  }
  if (!m_address.is_rclone()) {
    fs::path path = fs::path(m_address.path) / name;
    std::error_code none;
    if (!fs::is_regular_file(path, none))
      throw Error(ExitCode::usage, fmt::format("{}: there is no such file", printable(path.string())));
    return path;
  }
  fs::path path = folder / name;
  Rclone(m_context).download(remote_path(name), path);
  return path;
}

void BackupStore::remove(const std::string& name) {
  const std::string json = manifest_name(name);
  if (m_address.is_claim()) {
    claim().remove(name);
    claim().remove(json);
    return;
  }
  if (m_address.is_rclone()) {
    Rclone rclone(m_context);
    rclone.remove(remote_path(name));
    rclone.remove(remote_path(json));
    return;
  }
  m_context.files.remove_tree(fs::path(m_address.path) / name);
  m_context.files.remove_tree(fs::path(m_address.path) / json);
}

void BackupStore::rewrite(const std::string& name, const BackupManifest& manifest) {
  if (m_address.is_claim()) return claim().write(manifest_name(name), to_json(manifest));
  if (m_address.is_rclone()) return Rclone(m_context).upload(remote_path(manifest_name(name)), to_json(manifest));
  m_context.files.write_atomic(fs::path(m_address.path) / manifest_name(name), to_json(manifest));
}

}  // namespace raibid
