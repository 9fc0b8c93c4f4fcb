#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "components/context.hpp"
#include "sys/files.hpp"
#include "sys/process.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// A redis-server of this machine for a moment: it has loaded one file, listens at a Unix socket in a private folder
/// alone, writes nothing, and ends with the object (or with us, however we end).
class ScratchServer {
 public:
  /// Starts it and returns when all is loaded. `program`: see find_local_server. Throws Error: (failure) when the
  /// server refuses the file, with its words; (preflight) when the file is of a newer Redis than the server.
  ScratchServer(Context& context, const std::string& program, const std::filesystem::path& rdb);
  /// The same with an AOF of several parts in `data`/`directory`.
  struct Aof {
    std::filesystem::path data;
    std::string directory, base;
  };
  ScratchServer(Context& context, const std::string& program, const Aof& aof);
  ~ScratchServer();
  ScratchServer(const ScratchServer&) = delete;
  ScratchServer& operator=(const ScratchServer&) = delete;

  RedisConnection& redis() { return *m_redis; }
  /// Another connection to it.
  std::unique_ptr<RedisConnection> connect();

 private:
  void start(Context& context, const std::string& program, const std::string& files, const std::filesystem::path& what);
  void hear(Context& context, Duration time);
  [[noreturn]] void fail(const std::filesystem::path& rdb);

  RedisConnector& m_connector;
  TemporaryDirectory m_folder;
  std::unique_ptr<Process> m_process;
  std::string m_said;
  std::unique_ptr<RedisConnection> m_redis;
};

/// "redis-server 7.0.15" of this machine, or none. Never throws for want of one.
struct ScratchProgram {
  std::string program, version;
  std::string text() const { return program + " " + version; }
};
std::optional<ScratchProgram> find_scratch_server(Context& context);

}  // namespace raibid
