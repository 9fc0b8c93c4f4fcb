#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace raibid {

/// One process of a Redis on this machine. It works in a folder that no other one of ours works in, and is found by
/// that: names and pid files may be anybody's.
struct LocalProcess {
  enum class Kind { server, sentinel, proxy };

  Kind kind = Kind::server;
  int ordinal = 0;  ///< of its node; a proxy has none
  std::filesystem::path folder{};
  std::filesystem::path log{};  ///< "" for a proxy, which keeps none

  /// "the server of node 1", "the sentinel of node 1", "the proxy".
  std::string name() const;
  /// When it runs.
  std::optional<int> pid() const;
};

/// Whether this process works in this folder.
bool works_in(int pid, const std::filesystem::path& folder);

}  // namespace raibid
