// What other users of this machine may not do: take the port of a local Redis, or write into a home.
#include <doctest/doctest.h>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <fstream>
#include <set>

#include <fmt/format.h>

#include "base/strings.hpp"
#include "support/cli.hpp"
#include "support/stranger.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "tools/redis_client.hpp"
#include "tools/redis_connection.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

constexpr uid_t nobody = 65534;
const bool not_root = ::geteuid() != 0;

using Strings = std::vector<std::string>;

/// Local Redises that do not outlive their test.
class Locals : public Cli {
 public:
  explicit Locals(std::vector<std::string> releases = {"raibid-redis"}) : m_releases(std::move(releases)) {}
  ~Locals() {
    for (const std::string& release : m_releases)
      (*this)({"teardown", "redis", "--target", "local", "--release", release, "--yes", "--delete-data"});
  }

  Output local(const std::string& verb, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {verb, "redis", "--target", "local"});
    return (*this)(more);
  }
  nlohmann::json credentials() const { return nlohmann::json::parse(tree(home()).at("redis-credentials.json")); }
  int port() const { return credentials().at("port"); }
  int pid() { return nlohmann::json::parse(local("status", {"-o", "json"}).out).at("pid"); }
  fs::path instance() const { return home() / "local" / "raibid-redis"; }

  void end_server(int signal) { end_process(pid(), signal); }

  /// A journal as a killed setup of this Redis leaves it, which says that `path` was made.
  fs::path plant_journal(const fs::path& path) const {
    fs::create_directories(home() / "journal");
    fs::permissions(home() / "journal", fs::perms::owner_all);
    const fs::path journal = home() / "journal" / "local-raibid-redis-raibid-redis.journal";
    const nlohmann::json header = {{"journal", 1}, {"operation", "setup redis"},       {"subject", "x"}, {"pid", 1},
                                   {"host", "h"},  {"started", "2026-01-01T00:00:00Z"}};
    const nlohmann::json undo = {
        {"undo", {{"action", "file.remove"}, {"arguments", {{"path", path.string()}}}, {"command", "rm -rf x"}}}};
    write_atomic(journal, header.dump() + "\n" + undo.dump() + "\n");
    return journal;
  }

 private:
  std::vector<std::string> m_releases;
};

}  // namespace

TEST_CASE("local: another process on the port of a server that does not run is told nothing, and is named") {
  for (const int signal : {SIGTERM, SIGKILL}) {
    CAPTURE(signal);
    Locals cli;
    REQUIRE(cli.local("setup").status == 0);
    const int port = cli.port();
    cli.end_server(signal);
    {
      Stranger stranger(port);
      const std::string holder = fmt::format("port {} is held by process {} (", port, stranger.pid());
      const auto check = [&](const std::string& verb, int status, std::vector<std::string> more = {}) {
        const Output output = cli.local(verb, std::move(more));
        INFO(verb, ": ", said(output));
        CHECK(output.status == status);
        CHECK(has(output.out + output.err, holder));
        if (!not_root) CHECK(has(output.out + output.err, "user nobody"));
      };
      check("status", 1);
      check("doctor", 1);
      check("smoke", 3);
      check("connect", 3);
      check("connect", 3, {"--", "redis-cli", "PING"});
      check("setup", 3);
      check("setup", 3, {"--dry-run"});
      CHECK(stranger.heard() == "");
      CHECK(nlohmann::json::parse(cli.local("status", {"-o", "json"}).out).at("pid").is_null());
    }
    const Output again = cli.local("setup");
    INFO(said(again));
    CHECK(again.status == 0);
    CHECK(cli.port() == port);
  }
}

TEST_CASE("local: a server without a Unix socket, as older versions started it, is reached by its own port") {
  Locals cli;
  REQUIRE(cli.local("setup").status == 0);
  cli.end_server(SIGTERM);
  const fs::path conf = cli.instance() / "redis.conf";
  const std::string text = read_file(conf).value();
  std::string older;
  for (const std::string& line : split(text, '\n')) {
    if (!line.starts_with("unixsocket")) older += line + "\n";
  }
  REQUIRE(older.size() < text.size());
  write_atomic(conf, older);
  must({"redis-server", conf.string()});
  const TimePoint until = real_runner().now() + std::chrono::seconds(20);
  Output status = cli.local("status");
  while (status.status != 0 && real_runner().now() < until) status = cli.local("status");
  INFO(said(status));
  CHECK(status.status == 0);
  CHECK_FALSE(fs::exists(cli.instance() / "data" / "redis.sock"));
  CHECK(cli.local("smoke").status == 0);
  CHECK(cli.local("connect", {"--", "redis-cli", "PING"}).out == "PONG\n");

  const int pid = cli.pid();
  const Output again = cli.local("setup");  // writes redis.conf, restarts nothing
  INFO(said(again));
  CHECK(again.status == 0);
  CHECK(cli.pid() == pid);
  cli.end_server(SIGKILL);
  CHECK(cli.local("setup").status == 0);
  CHECK(fs::is_socket(cli.instance() / "data" / "redis.sock"));
}

TEST_CASE("local: a home deeper than the name of a Unix socket may be long") {
  Locals cli;
  const fs::path home = cli.folder() / std::string(80, 'a') / std::string(80, 'b');
  cli.set("RAIBID_HOME", home.string());
  const Output setup = cli.local("setup");
  INFO(said(setup));
  REQUIRE(setup.status == 0);
  CHECK(cli.local("status").status == 0);
  const fs::path socket = home / "local" / "raibid-redis" / "data" / "redis.sock";
  REQUIRE(socket.string().size() > 108);
  struct stat status {};
  REQUIRE(::lstat(socket.c_str(), &status) == 0);
  CHECK(S_ISSOCK(status.st_mode));
  CHECK((status.st_mode & 0777) == 0700);
  const auto redis = HiredisConnector(test::real_runner()).connect({socket.string(), 0}, std::chrono::seconds(5));
  CHECK(redis->command({"PING"}).error_code() == "NOAUTH");
}

TEST_CASE("a Unix socket at which another user listens is not spoken to" * doctest::skip(not_root)) {
  const TemporaryDirectory folder(fs::temp_directory_path());
  fs::permissions(folder.path(), fs::perms::all);
  const std::string path = (folder.path() / "redis.sock").string();
  Stranger stranger(path);
  const Error error = error_of([&] {
    HiredisConnector(test::real_runner()).connect({path, 0}, std::chrono::seconds(5))->command({"AUTH", "secret"});
  });
  CHECK(has(error.message(), "of user 65534 listens there"));
  CHECK(stranger.heard() == "");
}

TEST_CASE("a home that others may write is not trusted: a planted journal deletes nothing") {
  Locals cli;
  const fs::path victim = cli.folder() / "victim";
  write_atomic(victim, "mine");
  cli.plant_journal(victim);
  const auto refused = [&](const std::string& why) {
    for (const char* verb : {"setup", "teardown", "status", "connect"}) {
      const Output output = cli.local(verb, verb == std::string("teardown") ? Strings{"--yes"} : Strings{});
      INFO(verb, ": ", said(output));
      CHECK(output.status == 3);
      CHECK(has(output.err, why));
    }
    CHECK(read_file(victim) == "mine");
  };
  SUBCASE("open to all") {
    fs::permissions(cli.home(), fs::perms::all);
    refused("chmod go-w " + cli.home().string());
  }
  SUBCASE("open to a group") {
    fs::permissions(cli.home(), fs::perms(0770));
    refused("chmod go-w " + cli.home().string());
  }
  SUBCASE("a journal folder that is open to all") {
    fs::permissions(cli.home() / "journal", fs::perms::all);
    refused("chmod go-w " + (cli.home() / "journal").string());
  }
  SUBCASE("in a folder that is open to all") {
    fs::permissions(cli.folder(), fs::perms::all);
    refused("chmod go-w " + cli.folder().string());
  }
  SUBCASE("another user's") {
    if (not_root) return;
    REQUIRE(::chown(cli.home().c_str(), nobody, nobody) == 0);
    refused("belongs to user nobody (65534)");
    REQUIRE(::chown(cli.home().c_str(), 0, 0) == 0);
  }
  fs::remove_all(cli.home());
  fs::permissions(cli.folder(), fs::perms::owner_all);
}

TEST_CASE("a journal of another user, or one that names a path outside the home, deletes nothing") {
  Locals cli;
  const fs::path victim = cli.folder() / "victim";
  write_atomic(victim, "mine");
  fs::path named = victim;
  int code = 5;
  std::string why = "it is left alone";
  SUBCASE("outside") {}
  SUBCASE("outside, by way of the home") { named = cli.home() / ".." / "victim"; }
  SUBCASE("outside, by a link in the home") {
    named = cli.home() / "link" / "victim";
    fs::create_directory(cli.home());
    fs::create_directory_symlink(cli.folder(), cli.home() / "link");
  }
  SUBCASE("the home itself") { named = cli.home(); }
  const fs::path journal = cli.plant_journal(named);
  SUBCASE("another user's journal") {
    if (not_root) return;
    REQUIRE(::chown(journal.c_str(), nobody, nobody) == 0);
    code = 3;
    why = "belongs to user nobody (65534)";
  }
  fs::permissions(cli.home(), fs::perms::owner_all);
  for (const char* verb : {"setup", "teardown"}) {
    const Output output = cli.local(verb, verb == std::string("teardown") ? Strings{"--yes"} : Strings{});
    INFO(verb, ": ", said(output));
    CHECK(output.status == code);
    CHECK(has(output.err, why));
    CHECK(fs::exists(journal));
  }
  CHECK(read_file(victim) == "mine");
  fs::remove(journal);
}

TEST_CASE("credentials are neither read nor written through a symbolic link") {
  Locals cli;
  const fs::path victim = cli.folder() / "victim";
  write_atomic(victim, "mine");
  make_private_directory(cli.home());
  fs::create_symlink(victim, cli.home() / "redis-credentials.json");
  const Output output = cli.local("setup");
  INFO(said(output));
  CHECK(output.status == 3);
  CHECK(has(output.err, "is a symbolic link"));
  CHECK(read_file(victim) == "mine");
  CHECK_FALSE(fs::exists(cli.instance()));
  fs::remove(cli.home() / "redis-credentials.json");
}

TEST_CASE("a home that its owner has linked elsewhere works") {
  Locals cli;
  make_private_directory(cli.folder() / "elsewhere");
  fs::create_directory_symlink("elsewhere", cli.home());
  const Output output = cli.local("setup");
  INFO(said(output));
  CHECK(output.status == 0);
  CHECK(fs::exists(cli.folder() / "elsewhere" / "redis-credentials.json"));
  CHECK(cli.local("status").status == 0);
}

TEST_CASE("a home that sudo has left to root says so, with the chown that gives it back" * doctest::skip(not_root)) {
  Cli cli;
  fs::permissions(cli.folder(), fs::perms(0755));
  const fs::path program = cli.folder() / "raibid-cli";  // where another user may run it
  fs::copy_file(RAIBID_CLI, program);
  fs::permissions(program, fs::perms(0755));
  make_private_directory(cli.home());
  REQUIRE(::chown(cli.folder().c_str(), nobody, nobody) == 0);
  const auto as_nobody = [&](const std::string& verb) {
    return attempt({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "-i",
                    "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + cli.folder().string(),
                    "RAIBID_HOME=" + cli.home().string(), program.string(), verb, "redis", "--target", "local"});
  };
  const std::string chown = "sudo chown -R 65534:65534 " + cli.home().string();
  SUBCASE("all of it") {}
  SUBCASE("a file of it") {
    write_atomic(cli.home() / "config.yaml", "size: 1Gi\n");
    REQUIRE(::chown(cli.home().c_str(), nobody, nobody) == 0);
  }
  SUBCASE("a Redis in it") {
    make_private_directory(cli.home() / "local" / "raibid-redis");
    REQUIRE(::chown(cli.home().c_str(), nobody, nobody) == 0);
    REQUIRE(::chown((cli.home() / "local").c_str(), nobody, nobody) == 0);
  }
  for (const char* verb : {"status", "setup"}) {
    const Output output = as_nobody(verb);
    INFO(verb, ": ", said(output));
    CHECK(output.status == 3);
    CHECK(has(output.err, "a run with sudo made it"));
    CHECK(has(output.err, chown));
  }
  fs::permissions(cli.folder(), fs::perms::owner_all);
}

TEST_CASE("what root has in a folder of ours and we cannot write says how to get it back" * doctest::skip(not_root)) {
  const TemporaryDirectory folder(fs::temp_directory_path());
  fs::permissions(folder.path(), fs::perms(0755));
  const fs::path home = folder.path() / "home";
  fs::create_directory(home);
  fs::permissions(home, fs::perms(0755));
  const auto hint_for = [](const fs::path& path) {
    REQUIRE(::seteuid(nobody) == 0);
    const Error error = error_of([&] { make_private_directory(path); });
    REQUIRE(::seteuid(0) == 0);
    CHECK(error.code() == ExitCode::preflight);
    return error.hint();
  };
  CHECK_FALSE(has(hint_for(home), "chown"));  // no folder of nobody's
  CHECK_FALSE(has(hint_for("/usr"), "chown"));
  REQUIRE(::chown(folder.path().c_str(), nobody, nobody) == 0);
  CHECK(has(hint_for(home), fmt::format("sudo chown -R 65534:{} {}", ::getegid(), home.string())));
}

TEST_CASE("local: many first setups at once, each of a release of its own, keep all credentials and ports apart") {
  constexpr int runs = 10;
  std::vector<std::string> releases;
  for (int i = 0; i < runs; ++i) releases.push_back("r" + std::to_string(i));
  Locals cli(releases);
  std::vector<std::unique_ptr<Process>> processes;
  for (const std::string& release : releases)
    processes.push_back(cli.start({"setup", "redis", "--target", "local", "--release", release}));
  for (const auto& process : processes) {
    const Output output = finish(cli.runner(), *process, cli.runner().now() + std::chrono::minutes(3));
    INFO(said(output));
    CHECK(output.status == 0);
  }
  std::set<std::string> found;
  std::set<int> ports;
  for (const auto& [name, content] : tree(cli.home())) {
    if (name.find('/') != std::string::npos || !name.starts_with("redis-credentials.")) continue;
    const nlohmann::json credentials = nlohmann::json::parse(content);
    found.insert(credentials.at("release"));
    ports.insert(credentials.at("port").get<int>());
  }
  CHECK(found == std::set<std::string>(releases.begin(), releases.end()));
  CHECK(ports.size() == runs);
  CHECK_FALSE(fs::exists(cli.home() / "credentials.lock"));
  CHECK_FALSE(fs::exists(cli.home() / "ports.lock"));
}
