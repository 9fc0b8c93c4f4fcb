#include "components/redis/place/local/processes.hpp"

#include <charconv>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>

#include "sys/files.hpp"

namespace raibid {

namespace {

/// 0 when it cannot be told.
int parent_of(int pid) {
  const std::string status = read_file(fmt::format("/proc/{}/status", pid)).value_or("");
  const std::size_t at = status.find("\nPPid:\t");
  return at == std::string::npos ? 0 : std::atoi(status.c_str() + at + 7);
}

bool is_program_of(LocalProcess::Kind kind, const std::string& program) {
  if (kind == LocalProcess::Kind::proxy) return program.starts_with("haproxy");
  return program.starts_with("redis-server") || program.starts_with("valkey-server") ||
         program.starts_with("redis-sentinel") || program.starts_with("valkey-sentinel");
}

}  // namespace

bool works_in(int pid, const fs::path& folder) {
  std::error_code failed;
  const fs::path there = fs::read_symlink(fmt::format("/proc/{}/cwd", pid), failed);
  return !failed && there == folder;
}

std::string LocalProcess::name() const {
  if (kind == Kind::proxy) return "the proxy";
  return fmt::format("the {} of node {}", kind == Kind::sentinel ? "sentinel" : "server", ordinal);
}

// Children of a server (a rewrite of the AOF) do not listen, and a redis-cli that someone started there is no server.
std::optional<int> LocalProcess::pid() const {
  std::error_code failed;
  const fs::path there = fs::weakly_canonical(folder, failed);
  for (const auto& entry : fs::directory_iterator("/proc", failed)) {
    const std::string number = entry.path().filename().string();
    int found = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), found);
    if (error != std::errc() || end != number.data() + number.size() || !works_in(found, there)) continue;
    if (!is_program_of(kind, read_file(entry.path() / "comm").value_or(""))) continue;
    if (!works_in(parent_of(found), there)) return found;
  }
  return std::nullopt;
}

}  // namespace raibid
