#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "sys/files.hpp"
#include "sys/process.hpp"
#include "tools/redis_client.hpp"

namespace raibid::test {

/// A redis-server of this machine on a free port of loopback, in a folder of its own. It ends with the object.
class RedisServer {
 public:
  /// `conf` is added to redis.conf.
  explicit RedisServer(std::string conf = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  int port() const { return m_port; }
  const std::filesystem::path& folder() const { return m_folder.path(); }
  RedisEndpoint endpoint(const std::string& password = {}, const std::string& username = {}) const;
  std::unique_ptr<RedisConnection> connect(const std::string& password = {}, const std::string& username = {}) const;

  /// SIGTERM, at which it writes its data; returns when it is gone.
  void stop();
  /// Starts it again on the same port; `conf` replaces what was added. Without `ready` it may still be loading when
  /// this returns.
  void start(const std::string& conf, bool ready = true);

 private:
  bool try_start(bool ready);

  TemporaryDirectory m_folder;
  std::string m_conf;
  int m_port = 0;
  std::unique_ptr<Process> m_process;
};

}  // namespace raibid::test
