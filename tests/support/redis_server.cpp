#include "support/redis_server.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "support/cli.hpp"
#include "support/tcp_server.hpp"
#include "tools/redis_connection.hpp"

namespace raibid::test {

namespace {

constexpr Duration start_limit = std::chrono::seconds(20);
constexpr Duration reply_limit = std::chrono::seconds(10);
constexpr int attempts = 5;  // someone may take a free port before Redis does

}  // namespace

RedisServer::RedisServer(std::string conf) : m_folder(std::filesystem::temp_directory_path()), m_conf(std::move(conf)) {
  for (int attempt = 0; attempt < attempts; ++attempt) {
    m_port = free_port();
    if (try_start(true)) return;
  }
  FAIL("redis-server does not start: " << m_process->out() << m_process->err());
}

RedisServer::~RedisServer() {
  if (m_process) m_process->end();
}

RedisEndpoint RedisServer::endpoint(const std::string& password, const std::string& username) const {
  return {"127.0.0.1", m_port, username, Secret(password)};
}

std::unique_ptr<RedisConnection> RedisServer::connect(const std::string& password, const std::string& username) const {
  HiredisConnector connector(test::real_runner());
  return connect_redis(connector, endpoint(password, username), reply_limit);
}

void RedisServer::stop() {
  m_process->end();
  m_process.reset();
}

void RedisServer::start(const std::string& conf, bool ready) {
  m_conf = conf;
  if (!try_start(ready)) FAIL("redis-server does not start again: " << m_process->out() << m_process->err());
}

bool RedisServer::try_start(bool ready) {
  const std::filesystem::path conf = m_folder.path() / "redis.conf";
  write_atomic(conf,
               fmt::format("bind 127.0.0.1\nport {}\ndir {}\nsave \"\"\n{}", m_port, m_folder.path().string(), m_conf));
  Runner& runner = real_runner();
  m_process = runner.start({{"redis-server", conf.string()}, "", {}});
  const char* sign = ready ? "Ready to accept connections" : "Server initialized";
  Process* const process = m_process.get();
  const TimePoint until = runner.now() + start_limit;
  while (!process->finished() && runner.now() < until) {
    if (process->out().find(sign) != std::string::npos) return true;
    runner.wait({&process, 1}, until);
  }
  return false;
}

}  // namespace raibid::test
