#include <doctest/doctest.h>

#include <signal.h>

#include <nlohmann/json.hpp>

#include <filesystem>

#include "base/strings.hpp"
#include "support/cli.hpp"

using namespace raibid;
using namespace raibid::test;
namespace fs = std::filesystem;

namespace {

/// A local Redis whose process and files are ours to break.
class DataCli : public Cli {
 public:
  ~DataCli() { (*this)({"teardown", "redis", "--target", "local", "--yes", "--delete-data"}); }

  void setup() {
    const Output output = (*this)({"setup", "redis", "--target", "local"});
    INFO(said(output));
    REQUIRE(output.status == 0);
    m_pid =
        nlohmann::json::parse((*this)({"status", "redis", "--target", "local", "-o", "json"}).out).at("pid").get<int>();
  }
  std::string redis(std::vector<std::string> command) {
    const nlohmann::json credentials = nlohmann::json::parse(tree(home()).at("redis-credentials.json"));
    command.insert(command.begin(),
                   {"redis-cli", "--no-auth-warning", "-p", std::to_string(credentials.at("port").get<int>()), "-a",
                    credentials.at("password")});
    return std::string(trim(must(command)));
  }
  void end(int signal) { end_process(m_pid, signal); }
  fs::path last_aof() const {
    for (const auto& entry : fs::recursive_directory_iterator(home() / "local/raibid-redis/data")) {
      if (entry.path().string().ends_with(".incr.aof")) return entry.path();
    }
    FAIL("no AOF");
    return {};
  }

 private:
  int m_pid = 0;
};

}  // namespace

TEST_CASE("data: an AOF that ends anywhere in its last command is loaded, with everything before it") {
  DataCli cli;
  cli.setup();
  for (int job = 1; job <= 20; ++job)
    cli.redis({"XADD", "raibid:jobs", std::to_string(job) + "-0", "job_id", std::to_string(job)});
  const std::uintmax_t before = fs::file_size(cli.last_aof());
  cli.redis({"XADD", "raibid:jobs", "99-0", "a", "b"});
  cli.end(SIGTERM);
  const fs::path aof = cli.last_aof();
  const std::uintmax_t whole = fs::file_size(aof);
  REQUIRE(before < whole);
  const fs::path copy = cli.folder() / "copy.aof";
  fs::copy_file(aof, copy);
  for (std::uintmax_t size = before; size <= whole; ++size) {
    fs::copy_file(copy, aof, fs::copy_options::overwrite_existing);
    fs::resize_file(aof, size);
    cli.setup();
    INFO("cut to ", size, " of ", whole);
    CHECK(cli.redis({"XLEN", "raibid:jobs"}) == (size == whole ? "21" : "20"));
    cli.end(SIGKILL);
  }
}

TEST_CASE("data: acknowledged jobs outlive a kill of the server, and a teardown without --delete-data") {
  DataCli cli;
  cli.setup();
  const nlohmann::json credentials = nlohmann::json::parse(tree(cli.home()).at("redis-credentials.json"));
  for (int job = 1; job <= 50; ++job) cli.redis({"XADD", "raibid:jobs", "*", "job_id", std::to_string(job)});
  cli.redis({"XREADGROUP", "GROUP", "raibid-workers", "w1", "COUNT", "10", "STREAMS", "raibid:jobs", ">"});
  cli.end(SIGKILL);
  cli.setup();
  CHECK(cli.redis({"XLEN", "raibid:jobs"}) == "50");
  CHECK(cli.redis({"XPENDING", "raibid:jobs", "raibid-workers"}).rfind("10", 0) == 0);

  REQUIRE(cli({"teardown", "redis", "--target", "local", "--yes"}).status == 0);
  cli.setup();
  CHECK(nlohmann::json::parse(tree(cli.home()).at("redis-credentials.json")).at("password") ==
        credentials.at("password"));
  CHECK(cli.redis({"XLEN", "raibid:jobs"}) == "50");
  CHECK(cli.redis({"XPENDING", "raibid:jobs", "raibid-workers"}).rfind("10", 0) == 0);
}
