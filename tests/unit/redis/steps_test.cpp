#include "components/redis/run/steps.hpp"

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <sstream>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/run/home_lock.hpp"
#include "fakes/fake_random.hpp"
#include "fakes/fake_redis.hpp"
#include "fakes/fake_reporter.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "sys/process.hpp"
#include "sys/signals.hpp"
#include "sys/system_runner.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

/// What a step works with: a real home, and no Redis.
struct Desk {
  TemporaryDirectory folder{fs::temp_directory_path()};
  SystemClock clock;
  Signals signals;
  SystemRunner runner{clock, signals};
  FakeRandom random;
  FakeReporter reporter;
  FakeRedis redis{[](const std::string&) { return FakeRedis::error("ERR no Redis here"); }};
  std::ostringstream out;
  Context context{runner,
                  clock,
                  random,
                  signals,
                  reporter,
                  redis,
                  {},
                  Paths{folder.path() / "home", folder.path(), folder.path()},
                  {},
                  {},
                  clock.now() + std::chrono::seconds(30),
                  out,
                  {},
                  ChangeGuard(false),
                  Files(ChangeGuard(false))};

  Desk() { make_private_directory(context.paths.home); }
  fs::path file(const std::string& name) const { return context.paths.home / name; }

  UndoTable undos() const {
    UndoTable table;
    add_common_undos(table, context, []() -> RedisConnection& { throw std::logic_error("no Redis here"); });
    return table;
  }
  void undo(const Undo& undo) const { undos().at(undo.action)(undo.arguments); }
};

Credentials credentials_of(const std::string& release) {
  Credentials credentials;
  credentials.host = "127.0.0.1";
  credentials.password = Secret("swordfish-" + release);
  credentials.name_space = "raibid-redis";
  credentials.context = "local";
  credentials.release = release;
  credentials.target = "local";
  return credentials;
}

}  // namespace

TEST_CASE("twenty runs that write credentials at once, each of a release of its own, leave twenty files") {
  Desk desk;
  constexpr int runs = 20;
  int gate[2];
  REQUIRE(::pipe(gate) == 0);
  std::vector<pid_t> children;
  for (int i = 0; i < runs; ++i) {
    children.push_back(::fork());
    if (children.back() != 0) continue;
    int code = 1;
    try {
      ::close(gate[1]);
      Credentials mine = credentials_of("r" + std::to_string(i));
      mine.path =
          credentials_path(desk.context.paths, mine, "raibid");  // as the plan has it, before anybody has written
      Step step = credentials_step(desk.context, mine, "raibid");
      char none = 0;
      [[maybe_unused]] const ssize_t opened = ::read(gate[0], &none, 1);  // all begin at once
      step.undo();
      step.act();
      code = 0;
    } catch (const std::exception&) {
    }
    ::_exit(code);
  }
  ::close(gate[0]);
  ::close(gate[1]);
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  std::set<std::string> releases;
  for (const Credentials& one : all_credentials(desk.context.paths)) {
    releases.insert(one.release);
    CHECK(one.password == Secret("swordfish-" + one.release));
  }
  CHECK(releases.size() == runs);
  CHECK_FALSE(fs::exists(desk.file("credentials.lock")));
}

TEST_CASE("the credentials' name is chosen when they are written, and said") {
  Desk desk;
  Credentials mine = credentials_of("mine");
  mine.path = credentials_path(desk.context.paths, mine, "raibid");
  save_credentials(Files(ChangeGuard(false)), credentials_of("other"), mine.path);
  Step step = credentials_step(desk.context, mine, "raibid");
  const std::vector<Undo> undos = step.undo();
  REQUIRE(undos.size() == 1);
  CHECK(undos[0].arguments.at("path") == desk.file("redis-credentials.mine@local.json").string());
  CHECK(has(step.act().detail, "redis-credentials.mine@local.json"));
  CHECK(mine.path == desk.file("redis-credentials.mine@local.json"));
  CHECK(read_credentials(desk.file("redis-credentials.json"))->release == "other");

  desk.undo(undos[0]);
  CHECK_FALSE(fs::exists(mine.path));
  desk.undo(undos[0]);  // every undo can run twice
  CHECK(fs::exists(desk.file("redis-credentials.json")));
}

TEST_CASE("undoing credentials leaves a file that another release has by now") {
  Desk desk;
  Credentials mine = credentials_of("mine");
  const std::vector<Undo> undos = credentials_step(desk.context, mine, "raibid").undo();  // and killed
  REQUIRE(undos.size() == 1);
  save_credentials(Files(ChangeGuard(false)), credentials_of("other"), mine.path);
  desk.undo(undos[0]);
  CHECK(read_credentials(mine.path)->release == "other");
  remove_credentials(desk.context, mine);
  CHECK(read_credentials(mine.path)->release == "other");
  mine.release = "other";
  remove_credentials(desk.context, mine);
  CHECK_FALSE(fs::exists(mine.path));
}

TEST_CASE("a step that fails gives the lock back") {
  Desk desk;
  Credentials mine = credentials_of("mine");
  Step step = credentials_step(desk.context, mine, "raibid");
  step.undo();
  fs::create_directory(mine.path);  // which cannot be replaced by a file
  CHECK_THROWS_AS(step.act(), Error);
  desk.context.deadline = desk.clock.now();
  lock_home(desk.context, "credentials.lock");
  const auto held = lock_home(desk.context, "credentials.lock");
  const Error error = error_of([&] { lock_home(desk.context, "credentials.lock"); });
  CHECK(has(error.message(), "another raibid-cli holds " + desk.file("credentials.lock").string()));
}

TEST_CASE("undoes of files stay inside the home") {
  Desk desk;
  const fs::path victim = desk.folder.path() / "victim";
  const auto refused = [&](const fs::path& path) {
    for (const char* action : {"file.remove", "file.restore", "credentials.remove"}) {
      CAPTURE(action);
      const Undo undo{
          action,
          {{"path", path.string()}, {"target", ""}, {"cluster_uid", ""}, {"namespace", ""}, {"release", ""}},
          ""};
      const Error error = error_of([&] { desk.undo(undo); });
      CHECK(error.code() == ExitCode::remains);
      CHECK(has(error.message(), "it is left alone"));
    }
    CHECK(read_file(victim) == "mine");
  };
  write_atomic(victim, "mine");
  write_atomic(victim.string() + ".previous", "planted");
  fs::create_directory_symlink(desk.folder.path(), desk.file("link"));
  refused(victim);
  refused(desk.file("../victim"));
  refused(desk.file("link/victim"));
  refused("victim");
  refused(desk.context.paths.home);

  fs::create_directories(desk.file("local/redis"));
  write_atomic(desk.file("local/redis/redis.conf"), "new");
  write_atomic(desk.file("local/redis/redis.conf.previous"), "old");
  desk.undo({"file.restore", {{"path", desk.file("local/redis/redis.conf").string()}}, ""});
  CHECK(read_file(desk.file("local/redis/redis.conf")) == "old");
  desk.undo({"file.remove", {{"path", desk.file("local/redis").string()}}, ""});
  CHECK_FALSE(fs::exists(desk.file("local/redis")));
  desk.undo({"file.remove", {{"path", desk.file("link").string()}}, ""});
  CHECK(read_file(victim) == "mine");
}
