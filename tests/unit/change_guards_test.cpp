// What enforces that a dry run changes nothing: the guards that refuse it, and that nothing goes past them.
#include <doctest/doctest.h>

#include "base/change_guard.hpp"
#include "base/strings.hpp"
#include "fakes/fake_redis.hpp"
#include "fakes/fake_runner.hpp"
#include "plan/journal.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "sys/foreground.hpp"
#include "sys/process_table.hpp"
#include "sys/reading_runner.hpp"
#include "sys/signals.hpp"
#include "tools/helm.hpp"
#include "tools/kubectl.hpp"
#include "tools/reading_redis.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace raibid::change_guards_test {

using nlohmann::json;
using Words = std::vector<std::string>;

TEST_SUITE("dry run") {
  TEST_CASE("starts no child that is not marked as reading") {
    FakeRunner inner;
    inner.expect(argv_is({"kubectl", "get"}));
    ReadingRunner runner(inner);
    CHECK_THROWS_AS(runner.start({{"helm", "uninstall", "x"}, "", {}}), std::logic_error);
    CHECK(run(runner, reading({{"kubectl", "get"}, "", {}}), runner.now() + std::chrono::seconds(1)).ok());
  }

  TEST_CASE("kubectl's and helm's orders are not marked as reading, their questions are") {
    FakeRunner runner;
    const Kubectl kubectl(runner, {}, "n");
    const Helm helm(runner, {}, "n");
    for (const Command& order :
         {kubectl.apply(json::object()), kubectl.create(json::object()), kubectl.create_and_show(json::object()),
          kubectl.replace_and_show(json::object()), kubectl.remove_when_fed("/x"), kubectl.remove({"pod/x"}, 1),
          kubectl.delete_pod("x"), kubectl.apply_as_helm(json::object()),
          kubectl.merge_as_helm("service/x", json::object()), helm.upgrade_install({}), helm.uninstall("x"),
          helm.rollback("x", 1)}) {
      CHECK_MESSAGE(!order.only_reads, shell_join(order.argv));
    }
    for (const Command& question :
         {Kubectl::config_view(""), kubectl.version(), kubectl.get({"pod/x"}), kubectl.review_rights({}),
          kubectl.watch("pods", ""), kubectl.port_forward("x", 1, 0), Helm::version(), helm.render({}),
          helm.show_chart({}), helm.get_values("x"), kubectl.get_objects(json::array()), kubectl.all_records("x"),
          kubectl.deployed_record("x"), kubectl.deployed_records_everywhere("y=z")}) {
      CHECK_MESSAGE(question.only_reads, shell_join(question.argv));
    }
  }

  TEST_CASE("sends Redis nothing that it does not know to read") {
    FakeRedis fake([](const std::string&) { return FakeRedis::status("OK"); });
    ReadingRedis reading(fake);
    const auto redis = reading.connect({"127.0.0.1", 6379}, std::chrono::seconds(1));
    CHECK(redis->command({"PING"}).text == "OK");
    CHECK(redis->command({"CONFIG", "GET", "save"}).text == "OK");
    for (const Words& words : std::vector<Words>{{"SET", "a", "b"},
                                                 {"CONFIG", "SET", "save", ""},
                                                 {"CONFIG", "REWRITE"},
                                                 {"ACL", "SETUSER", "x"},
                                                 {"EVAL", "return 1", "0"},
                                                 {"SHUTDOWN"},
                                                 {"XGROUP", "CREATE", "s", "g", "0"},
                                                 {"NEWCOMMAND"},
                                                 {}}) {
      CHECK_THROWS_AS(redis->command(words), std::logic_error);
      CHECK_THROWS_AS(redis->send(words), std::logic_error);
      CHECK_THROWS_AS(redis->pipeline({{"PING"}, words}), std::logic_error);
    }
    CHECK(fake.commands == Words{"PING", "CONFIG GET save"});
  }

  TEST_CASE("writes no file, opens no journal, sends no signal, runs no program") {
    const ChangeGuard guard(true);
    const Files files(guard);
    const TemporaryDirectory folder(fs::temp_directory_path());
    const fs::path file = folder.path() / "f";
    CHECK_THROWS_AS(files.write_atomic(file, "x"), std::logic_error);
    CHECK_THROWS_AS(files.create_file(file, "x"), std::logic_error);
    CHECK_THROWS_AS(files.make_private_directory(file), std::logic_error);
    CHECK(fs::is_empty(folder.path()));
    write_atomic(file, "x");
    CHECK_THROWS_AS(files.remove_tree(file), std::logic_error);
    CHECK_THROWS_AS(files.remove_temporary_files(folder.path(), 1), std::logic_error);
    CHECK_THROWS_AS(Journal::open(guard, folder.path(), "k", {}), std::logic_error);
    CHECK_THROWS_AS(signal_process(guard, ::getpid(), 0), std::logic_error);
    Signals signals;
    CHECK_THROWS_AS(run_foreground(guard, {{"true"}, "", {}}, signals, [] {}), std::logic_error);
    CHECK(read_file(file) == "x");
  }
}

TEST_CASE("a folder that could not be made is found without making anything") {
  const TemporaryDirectory folder(fs::temp_directory_path());
  CHECK_NOTHROW(check_private_directory(folder.path()));
  CHECK_NOTHROW(check_private_directory(folder.path() / "a/b/c"));
  CHECK(fs::is_empty(folder.path()));
  write_atomic(folder.path() / "file", "");
  CHECK(test::error_of([&] { check_private_directory(folder.path() / "file"); }).code() == ExitCode::preflight);
  CHECK(test::error_of([&] { check_private_directory(folder.path() / "file/below"); }).code() == ExitCode::preflight);
}

namespace {

/// "path: what" for everything outside src/sys that changes files or processes other than through their guard.
std::vector<std::string> unguarded(const fs::path& root) {
  static const std::regex change(
      R"((^|[^.\w>])(write_atomic|create_file|make_private_directory|remove_tree|remove_temporary_files|kill_process|LockedLog::open)\()"
      R"(|std::ofstream|\bfs::(remove|remove_all|rename|create_\w+|copy\w*|permissions|resize_file)\()"
      R"(|::(kill|unlink|unlinkat|rename|mkdir|rmdir|chmod|chown|ftruncate|fork|system|popen|execv\w*)\()");
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string path = entry.path().lexically_relative(root).string();
    if (!entry.is_regular_file() || path.starts_with("sys/")) continue;
    std::ifstream file(entry.path());
    std::string line;
    while (std::getline(file, line)) {
      const std::string code = line.substr(0, line.find("//"));
      std::smatch match;
      if (!std::regex_search(code, match, change)) continue;
      std::string what = match.str();
      what.erase(0, match[1].length());  // what stands before the name
      found.push_back(path + ": " + what);
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace

TEST_CASE("outside src/sys nothing changes files or processes but through its guard") {
  // each with its reason
  const std::map<std::string, std::string> allowed = {
      {"assets/assets.cpp: std::ofstream", "unpacks into a folder that its caller has made"},
      {"components/kubernetes/evidence.cpp: fs::remove(", "an empty folder of its own"},
      {"components/redis/place/kubernetes/installation.cpp: fs::remove_all(", "a folder of its own"},
      {"components/redis/place/known_names.cpp: LockedLog::open(", "behind the guard, one line above"},
      {"components/redis/run/home_lock.cpp: LockedLog::open(", "behind the guard, two lines above"},
      {"plan/journal.cpp: make_private_directory(", "behind the guard of Journal::open"},
      {"plan/journal.cpp: LockedLog::open(", "behind the guard of Journal::open"},
      {"plan/journal.cpp: kill_process(", "behind the guard of Journal::open"},
  };
  const fs::path root = fs::path(RAIBID_SOURCE_DIR) / "src";
  std::set<std::string> seen;
  for (const std::string& one : unguarded(root)) {
    seen.insert(one);
    CHECK_MESSAGE(allowed.contains(one), one << " goes past the guard: see ChangeGuard and Files");
  }
  for (const auto& [one, reason] : allowed) CHECK_MESSAGE(seen.contains(one), one << " is not there any more");
}

TEST_CASE("what goes past a guard is found") {
  const TemporaryDirectory root(fs::temp_directory_path());
  fs::create_directories(root.path() / "sys");
  std::ofstream(root.path() / "sys/fine.cpp") << "::unlink(name);\n";
  std::ofstream(root.path() / "a.cpp")
      << "  write_atomic(path, text);\n  files.write_atomic(path, text);\n// ::kill(\n";
  std::ofstream(root.path() / "b.cpp") << "  ::kill(pid, 9);\n  if (x) fs::remove_all(path);\n";
  CHECK(unguarded(root.path()) ==
        std::vector<std::string>{"a.cpp: write_atomic(", "b.cpp: ::kill(", "b.cpp: fs::remove_all("});
}

}  // namespace raibid::change_guards_test
