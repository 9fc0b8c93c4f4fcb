#pragma once

#include <doctest/doctest.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <vector>

#include "support/cli.hpp"
#include "sys/files.hpp"
#include "tools/redis_client.hpp"
#include "tools/redis_connection.hpp"

namespace raibid::test {

/// The built program with a Redis that it has set up on this machine, which ends with the object.
class QueueCli : public Cli {
 public:
  QueueCli() { REQUIRE((*this)({"setup", "redis", "--target", "local"}).status == 0); }
  ~QueueCli() { (*this)({"teardown", "redis", "--target", "local", "--yes", "--delete-data"}); }

  static std::vector<std::string> words(const std::string& verb, std::vector<std::string> more) {
    more.insert(more.begin(), {"queue", verb, "--target", "local"});
    return more;
  }
  Output queue(const std::string& verb, std::vector<std::string> more = {}) {
    return (*this)(words(verb, std::move(more)));
  }
  /// A queue command that must end with `status`; its object.
  nlohmann::json object(const std::string& verb, std::vector<std::string> more = {}, int status = 0) {
    more.insert(more.end(), {"-o", "json"});
    const Output output = queue(verb, std::move(more));
    INFO(said(output));
    REQUIRE(output.status == status);
    return nlohmann::json::parse(output.out);
  }
  std::unique_ptr<RedisConnection> redis() {
    const nlohmann::json credentials = nlohmann::json::parse(tree(home()).at("redis-credentials.json"));
    HiredisConnector connector(test::real_runner());
    return connect_redis(
        connector,
        {"127.0.0.1", credentials.at("port").get<int>(), "", Secret(credentials.at("password").get<std::string>())},
        std::chrono::seconds(10));
  }
  std::string write(const std::string& name, const std::string& content) {
    write_atomic(folder() / name, content);
    return (folder() / name).string();
  }
  std::int64_t length() { return redis()->command({"XLEN", "raibid:jobs"}).integer; }
  void take(const std::string& consumer, int count) {
    redis()->command({"XREADGROUP", "GROUP", "raibid-workers", consumer, "COUNT", std::to_string(count), "STREAMS",
                      "raibid:jobs", ">"});
  }
};

/// A job as raibid has them.
inline std::string job_line(int number) {
  return fmt::format("{{\"job_id\":\"{}\",\"job_type\":\"build\",\"payload\":{{\"n\":{}}}}}\n", number, number);
}

/// Jobs 1 to `count`.
inline std::string job_lines(int count) {
  std::string text;
  for (int i = 1; i <= count; ++i) text += job_line(i);
  return text;
}

}  // namespace raibid::test
