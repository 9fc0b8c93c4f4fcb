#pragma once

#include "base/error.hpp"
#include "cli/cli.hpp"
#include "fakes/fake_random.hpp"
#include "fakes/fake_runner.hpp"
#include "sys/signals.hpp"
#include "tools/redis_client.hpp"

#include <filesystem>
#include <initializer_list>
#include <sstream>
#include <string>
#include <vector>

namespace raibid::test {

/// Components made for these tests. "redis" has what command lines can have; every command prints what it was given:
/// "name=value (origin)" for each setting that is no default, then "arguments: …". "minio" shares only `setup`.
const std::vector<Component>& fake_components();

struct NoRedis final : RedisConnector {
  std::unique_ptr<RedisConnection> connect(const RedisEndpoint&, Duration) override {
    throw Error(ExitCode::failure, "nothing here connects to Redis");
  }
};

/// A command line run inside the test, with a home of its own.
class CommandLine {
 public:
  CommandLine();
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  /// Runs it and returns the exit code; `out` and `err` have what was said.
  int operator()(const std::vector<std::string>& arguments);
  /// The same with a stream of the test's for results.
  int run_to(std::ostream& results, const std::vector<std::string>& arguments);

  /// Writes a file below the folder that HOME is and returns its path.
  std::string write(const std::string& name, const std::string& content);

  bool said(const std::string& part) const { return err.find(part) != std::string::npos; }
  bool printed(const std::string& part) const { return out.find(part) != std::string::npos; }

  std::string out;
  std::string err;
  Environment environment;
  std::filesystem::path folder;
  std::vector<Component> components = fake_components();

 private:
  FakeRunner m_runner;
  FakeRandom m_random;
  Signals m_signals;
  NoRedis m_redis;
};

}  // namespace raibid::test
