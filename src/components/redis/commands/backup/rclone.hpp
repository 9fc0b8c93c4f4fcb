#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "components/context.hpp"
#include "sys/process.hpp"

namespace raibid {

/// The rclone of this machine, with the remotes that its user has configured. Paths are REMOTE:PATH. Throws Error:
/// (preflight) when there is none, (failure) with its last words.
class Rclone {
 public:
  explicit Rclone(Context& context) : m_context(context) {}

  struct Entry {
    std::string name;
    std::int64_t bytes = 0;
    std::string changed;  ///< RFC 3339 in UTC
  };
  /// The files of a folder; none when there is no such folder.
  std::vector<Entry> list(const std::string& folder);
  /// A small file; std::nullopt when it is not there.
  std::optional<std::string> read(const std::string& path);
  void upload(const std::string& path, const std::string& content);
  void download(const std::string& path, const std::filesystem::path& to);
  void move(const std::string& from, const std::string& to);
  /// What is not there is fine.
  void remove(const std::string& path);

  /// An upload in pieces: begin_upload, give, finish. `give` waits while rclone has much that it has not taken yet.
  std::unique_ptr<Process> begin_upload(const std::string& path);
  void give(Process& upload, std::string_view bytes);
  void finish(Process& upload);

  static std::string join(const std::string& folder, const std::string& name);

 private:
  Command command(std::vector<std::string> words) const;
  Output checked_run(const Command& command);

  Context& m_context;
};

}  // namespace raibid
