// Rotation of passwords under load, on a real redis-server.
#include <doctest/doctest.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "base/strings.hpp"
#include "integration/users_cli.hpp"
#include "support/cli.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "tools/redis_connection.hpp"

namespace raibid::rotation_under_load_test {

using namespace raibid::test;
using application_user_test::UserCli;
using Words = std::vector<std::string>;
using nlohmann::json;

namespace {

/// Two clients at work: one connects again for each command with the password that it was handed, one never reconnects.
class Load {
 public:
  Load(int port, std::string user, std::string password)
      : m_port(port), m_user(std::move(user)), m_password(std::move(password)) {
    m_threads.emplace_back([this] { come_and_go(); });
    m_threads.emplace_back([this] { stay(); });
    wait_for_more();
  }
  ~Load() {
    m_ends = true;
    for (std::thread& thread : m_threads) thread.join();
  }

  void hand_out(const std::string& password) {
    const std::lock_guard<std::mutex> held(m_lock);
    m_password = password;
  }
  /// Until both have begun and ended a command that nobody had begun before.
  void wait_for_more() {
    const int come = m_come;
    const int stay = m_stay;
    const TimePoint until = real_runner().now() + std::chrono::seconds(30);
    while ((m_come < come + 2 || m_stay < stay + 2) && real_runner().now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(m_come >= come + 2);
  }
  std::string failed() {
    const std::lock_guard<std::mutex> held(m_lock);
    return m_failed;
  }

 private:
  void fail(const std::string& why) {
    const std::lock_guard<std::mutex> held(m_lock);
    m_failed += why + "\n";
  }
  std::unique_ptr<RedisConnection> connect() {
    std::string password;
    {
      const std::lock_guard<std::mutex> held(m_lock);
      password = m_password;
    }
    HiredisConnector connector(test::real_runner());
    return connect_redis(connector, {"127.0.0.1", m_port, m_user, Secret(password)}, std::chrono::seconds(10));
  }
  void come_and_go() {
    while (!m_ends) {
      try {
        const RedisReply reply = connect()->command({"INCR", "come"});
        if (reply.is_error()) fail("come: " + reply.text);
      } catch (const Error& error) {
        fail("come: " + error.message());
      }
      ++m_come;
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
  }
  void stay() {
    try {
      const auto redis = connect();
      while (!m_ends) {
        const RedisReply reply = redis->command({"INCR", "stay"});
        if (reply.is_error()) fail("stay: " + reply.text);
        ++m_stay;
        std::this_thread::sleep_for(std::chrono::milliseconds(3));
      }
    } catch (const Error& error) {
      fail("stay: " + error.message());
    }
  }

  int m_port;
  std::string m_user;
  std::string m_password;
  std::mutex m_lock;
  std::string m_failed;
  std::atomic<bool> m_ends{false};
  std::atomic<int> m_come{0}, m_stay{0};
  std::vector<std::thread> m_threads;
};

Output rotate(UserCli& cli, Words more = {}) {
  more.insert(more.begin(), {"rotate", "redis"});
  return cli.local("credentials", more);
}

}  // namespace

TEST_CASE("rotation: no command fails while both passwords hold, nor when the old one ends") {
  UserCli cli("raibid");
  Load load(cli.port(), "", cli.file("password"));
  for (int round = 0; round < 3; ++round) {
    const std::string old = cli.file("password");
    const Output rotated = rotate(cli);
    INFO(said(rotated));
    REQUIRE(rotated.status == 0);
    CHECK(has(rotated.out, "--finish"));
    CHECK_FALSE(has(rotated.out + rotated.err, old));
    CHECK(cli.file("password") != old);
    CHECK_FALSE(cli.log_in("", old)->command({"PING"}).is_error());
    CHECK(rotate(cli).status == 1);  // one at a time
    CHECK(cli.local("status").status == 0);
    load.wait_for_more();
    load.hand_out(cli.file("password"));
    load.wait_for_more();
    const Output asks = rotate(cli, {"--finish"});
    CHECK(asks.status == 2);
    CHECK(has(asks.err, "of 127.0.0.1 from before the rotation"));
    CHECK_FALSE(cli.log_in("", old)->command({"PING"}).is_error());
    const Output finished = rotate(cli, {"--finish", "--yes"});
    INFO(said(finished));
    REQUIRE(finished.status == 0);
    error_of([&] { cli.log_in("", old); });
    load.wait_for_more();
    CHECK(rotate(cli, {"--finish"}).status == 0);  // nothing to do
    CHECK(cli.local("status").status == 0);
  }
  CHECK(load.failed() == "");
  const json credentials = json::parse(read_file(cli.home() / "redis-credentials.json").value());
  CHECK(credentials.at("password") == cli.file("password"));
}

TEST_CASE("rotation: --kick closes the connections from before, --now asks and replaces at once") {
  UserCli cli("sla-management");
  const auto from_before = cli.application();
  const std::string old = cli.file("password");
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));  // CLIENT LIST knows whole seconds
  REQUIRE(rotate(cli).status == 0);
  const Output finished = rotate(cli, {"--finish", "--kick"});
  INFO(said(finished));
  CHECK(finished.status == 0);
  CHECK(has(finished.out, "Closed 1 connection"));
  bool cut = false;
  try {
    from_before->command({"PING"});
  } catch (const Error&) {
    cut = true;
  }
  CHECK(cut);
  const std::string second = cli.file("password");
  const Output asks = rotate(cli, {"--now"});
  CHECK(asks.status == 2);
  CHECK(has(asks.err, "the current password ends at once"));
  CHECK(cli.file("password") == second);
  REQUIRE(rotate(cli, {"--now", "--yes"}).status == 0);
  CHECK(cli.file("password") != second);
  error_of([&] { cli.log_in("sla", second); });
  CHECK_FALSE(cli.application()->command({"PING"}).is_error());
  const std::string admin = cli.file("admin-password");
  REQUIRE(rotate(cli, {"--internal"}).status == 0);
  CHECK(cli.file("admin-password") != admin);
  CHECK_FALSE(cli.log_in("admin", admin)->command({"PING"}).is_error());
  REQUIRE(rotate(cli, {"--internal", "--finish"}).status == 0);
  error_of([&] { cli.log_in("admin", admin); });
  CHECK(cli.local("status").status == 0);
  CHECK(cli.local("smoke", {"redis"}).status == 0);
}

TEST_CASE("rotation: setup --password-file with another password is one, and a third password has to wait") {
  UserCli cli("raibid");
  const std::string old = cli.file("password");
  const std::string file = (cli.folder() / "mine").string();
  write_atomic(file, "my-own-password\n");
  const Output changed = cli.local("setup", {"redis", "--password-file", file});
  INFO(said(changed));
  REQUIRE(changed.status == 0);
  CHECK(cli.file("password") == "my-own-password");
  CHECK_FALSE(cli.log_in("", old)->command({"PING"}).is_error());
  CHECK_FALSE(cli.log_in("", "my-own-password")->command({"PING"}).is_error());
  CHECK(cli.local("setup", {"redis", "--password-file", file}).status == 0);
  write_atomic(file, "a-third-password\n");
  CHECK(cli.local("setup", {"redis", "--password-file", file}).status == 3);
  REQUIRE(rotate(cli, {"--finish", "--yes"}).status == 0);
  error_of([&] { cli.log_in("", old); });
  CHECK(cli.local("status").status == 0);
}

TEST_CASE("rotation: a run that is killed anywhere is finished or taken back by the next") {
  UserCli cli("raibid");
  int killed = 0;
  for (int milliseconds = 1; milliseconds < 400; milliseconds = milliseconds * 3 / 2 + 1) {
    CAPTURE(milliseconds);
    const std::string before = cli.file("password");
    if (cli.kill_after(
            {"credentials", "rotate", "redis", "--target", "local"}, [] { return true; },
            std::chrono::milliseconds(milliseconds)) != 0)
      ++killed;
    // whatever it came to: the password of before holds, and so does the one that is handed out
    CHECK_FALSE(cli.log_in("", before)->command({"PING"}).is_error());
    CHECK_FALSE(cli.log_in("", cli.file("password"))->command({"PING"}).is_error());
    const Output next = cli.local("setup", {"redis"});
    INFO(said(next));
    REQUIRE(next.status == 0);
    CHECK_FALSE(fs::exists(cli.instance() / "previous-users"));
    CHECK(cli.local("status").status == 0);
    REQUIRE(rotate(cli, {"--finish", "--yes"}).status == 0);
    CHECK_FALSE(cli.log_in("", cli.file("password"))->command({"PING"}).is_error());
    const json credentials = json::parse(read_file(cli.home() / "redis-credentials.json").value());
    CHECK(credentials.at("password") == cli.file("password"));
  }
  CHECK(killed > 0);
}

TEST_CASE("rotation: a --finish that is killed anywhere ends the old password when it is run again, for good") {
  UserCli cli("raibid");
  int killed = 0;
  for (int later = 0; later < 30; ++later) {
    CAPTURE(later);
    const std::string old = cli.file("password");
    REQUIRE(rotate(cli, {}).status == 0);
    if (cli.kill_after(
            {"credentials", "rotate", "redis", "--finish", "--yes", "--target", "local"},
            [&] { return fs::exists(cli.instance() / "previous-users"); }, later * std::chrono::microseconds(300)) != 0)
      ++killed;
    const Output again = rotate(cli, {"--finish", "--yes"});
    INFO(said(again));
    REQUIRE(again.status == 0);
    for (const char* when : {"after --finish", "after the next setup"}) {
      CAPTURE(when);
      CHECK(has(error_of([&] { cli.log_in("", old); }).message(), "refuses the password"));
      CHECK_FALSE(cli.log_in("", cli.file("password"))->command({"PING"}).is_error());
      REQUIRE(cli.local("setup", {"redis"}).status == 0);
    }
    for (const auto& entry : fs::directory_iterator(cli.instance()))
      CHECK_FALSE(entry.path().filename().string().starts_with(".raibid-"));
  }
  CHECK(killed > 0);
}

TEST_CASE("application's user: password files that are lost are those of the credentials file") {
  UserCli cli("raibid", {"--user", "raibid"});
  for (const char* file : {"admin-password", "password"}) {
    CAPTURE(file);
    fs::remove(cli.instance() / file);
    CHECK(cli.local("status").status == 0);
    const Output again = cli.local("setup", {"redis"});
    INFO(said(again));
    CHECK(again.status == 0);
  }
  CHECK(rotate(cli, {"--internal"}).status == 0);
  CHECK(rotate(cli, {"--internal", "--finish"}).status == 0);
  CHECK(cli.local("status").status == 0);
  CHECK(cli.local("teardown", {"redis", "--yes"}).status == 0);
}

TEST_CASE("credentials ls and show: without the password until it is asked for") {
  UserCli cli("raibid");
  const std::string password = cli.file("password");
  const Output list = cli({"credentials", "ls"});
  CHECK(list.status == 0);
  CHECK(has(list.out, "raibid-redis"));
  CHECK_FALSE(has(list.out, password));
  const Output shown = cli.local("credentials", {"show"});
  INFO(said(shown));
  CHECK(shown.status == 0);
  CHECK(has(shown.out, "***"));
  CHECK_FALSE(has(shown.out, password));
  CHECK(json::parse(cli.local("credentials", {"show", "--with-password", "-o", "json"}).out).at("password") ==
        password);
  CHECK(cli({"credentials", "show", "--target", "local", "--release", "other"}).status == 6);
}

}  // namespace raibid::rotation_under_load_test
