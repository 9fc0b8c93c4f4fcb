#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "components/redis/server/connect.hpp"
#include "support/cli.hpp"
#include "sys/files.hpp"
#include "tools/redis_connection.hpp"

namespace raibid::application_user_test {

using namespace raibid::test;
using Words = std::vector<std::string>;
using nlohmann::json;

/// A Redis of this machine, set up with a preset and its user; it ends with the object.
class UserCli : public Cli {
 public:
  explicit UserCli(std::string preset, Words more = {}) : m_preset(std::move(preset)) {
    more.insert(more.begin(), "redis");
    const Output made = local("setup", more);
    INFO(said(made));
    REQUIRE(made.status == 0);
  }
  ~UserCli() { local("teardown", {"redis", "--yes", "--delete-data"}); }

  Output local(const std::string& verb, Words more = {}) {
    more.insert(more.begin(), verb);
    const auto end = std::find(more.begin(), more.end(), "--");
    more.insert(end, {"--target", "local", "--preset", m_preset});
    return (*this)(more);
  }
  fs::path instance() const { return fs::directory_iterator(home() / "local")->path(); }
  std::string file(const std::string& name) const {
    return std::string(trim(read_file(instance() / name).value_or("")));
  }
  int port() const { return json::parse(file("state.json")).at("port"); }
  std::string user() const { return file("redis-username"); }

  std::unique_ptr<RedisConnection> log_in(const std::string& name, const std::string& password) const {
    HiredisConnector connector(test::real_runner());
    return connect_redis(connector, {"127.0.0.1", port(), name, Secret(password)}, std::chrono::seconds(10));
  }
  std::unique_ptr<RedisConnection> application() const { return log_in(user(), file("password")); }
  std::unique_ptr<RedisConnection> admin() const { return log_in("admin", file("admin-password")); }

 private:
  std::string m_preset;
};

}  // namespace raibid::application_user_test
