#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "sys/unique_fd.hpp"

namespace raibid {

/// A file that is written in pieces and has its name only when it is whole: until `keep` it is NAME.part, 0600 from its
/// first byte and locked, and it goes with the object. Made by Files::new_file.
class NewFile {
 public:
  /// A NAME.part that a killed run left is replaced. Throws Error: (preflight) when there is a file of that name
  /// already, or another run writes it; (failure) when it cannot be made.
  explicit NewFile(std::filesystem::path path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  const std::filesystem::path& path() const { return m_path; }
  std::filesystem::path part() const { return m_path.string() + ".part"; }
  /// Throws Error (failure) with path and reason, as when the disk is full.
  void write(std::string_view bytes);
  /// All that was written is on the disk. Throws as `write`.
  void sync();
  /// `sync`, and the name. Throws Error (failure) also when a file of that name has come meanwhile.
  void keep();

 private:
  std::filesystem::path m_path;
  UniqueFd m_fd;
  long long m_written = 0, m_begun = 0;  ///< bytes; those that the kernel was asked to write
  bool m_kept = false;
};

/// The NAME.part files of `folder` whose name `is_ours`, and that nobody writes any more: a run that was killed left
/// them. `finish` says of one whether it is to get its name now (true), or to go. What cannot be changed stays.
void settle_parts(const std::filesystem::path& folder, const std::function<bool(const std::string& name)>& is_ours,
                  const std::function<bool(const std::filesystem::path& path)>& finish);

/// Reads a file in pieces. Throws Error (failure) with path and reason; what `take` throws passes.
void read_in_pieces(const std::filesystem::path& path, const std::function<void(std::string_view)>& take);

/// Bytes that a user may still write in this folder, or in the nearest one above that exists; -1 when that is not
/// known.
long long free_bytes(const std::filesystem::path& folder);

/// Bytes of memory that programs could still take, by /proc/meminfo; -1 when that is not known.
long long available_memory();

}  // namespace raibid
