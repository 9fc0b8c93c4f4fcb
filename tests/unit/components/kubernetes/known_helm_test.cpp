#include "components/kubernetes/known_helm.hpp"

#include <doctest/doctest.h>

#include "components/kubernetes/session.hpp"
#include "fakes/fake_desk.hpp"
#include "sys/files.hpp"

namespace raibid::known_helm_test {

using test::FakeDesk;

namespace {

struct Fixture {
  TemporaryDirectory folder{fs::temp_directory_path()};
  fs::path home = folder.path() / "home";
  fs::path program = folder.path() / "bin" / "helm";

  Fixture() {
    fs::create_directories(home);
    fs::create_directories(program.parent_path());
    install("first");
  }
  void install(const std::string& content, const std::string& magic =
                                               "\x7f"
                                               "ELF") {
    write_atomic(program, magic + content, 0755);
  }
  void prepare(FakeDesk& desk) const {
    desk.context.paths.home = home;
    desk.context.environment = {{"PATH", "/nonexistent:" + program.parent_path().string()}};
  }
  std::optional<std::string> known() const {
    FakeDesk desk;
    prepare(desk);
    return KnownHelm(desk.context).said();
  }
  void remember(const std::string& said) const {
    FakeDesk desk;
    prepare(desk);
    KnownHelm(desk.context).remember(said);
  }
};

}  // namespace

TEST_SUITE("known helm") {
  TEST_CASE_FIXTURE(Fixture, "what helm said of its version is kept until there is another helm") {
    CHECK_FALSE(known());
    remember("v4.1.4+g05fa379\n");
    CHECK(known() == "v4.1.4+g05fa379\n");
    install("another one");
    CHECK_FALSE(known());
    remember("v3.17.3\n");
    CHECK(known() == "v3.17.3\n");
    fs::last_write_time(program, fs::last_write_time(program) + std::chrono::seconds(1));
    CHECK_FALSE(known());
  }

  TEST_CASE_FIXTURE(Fixture, "a script is asked each time: it may call another helm tomorrow") {
    install("exec helm4", "#!/bin/sh\n");
    remember("v4.1.4\n");
    CHECK_FALSE(known());
    CHECK_FALSE(fs::exists(home / "helm.json"));
  }

  TEST_CASE_FIXTURE(Fixture, "a dry run keeps nothing, nor does a run without a home") {
    {
      FakeDesk desk;
      prepare(desk);
      desk.context.guard = ChangeGuard(true);
      desk.context.files = Files(desk.context.guard);
      KnownHelm(desk.context).remember("v4.1.4\n");
    }
    CHECK(fs::is_empty(home));
    fs::remove(home);
    remember("v4.1.4\n");
    CHECK_FALSE(fs::exists(home));
  }

  TEST_CASE_FIXTURE(Fixture, "a damaged file is no answer") {
    for (const char* text : {"", "no JSON", "[]", R"({"path": 7})", R"({"said": "v4"})"}) {
      write_atomic(home / "helm.json", text);
      CHECK_FALSE(known());
    }
  }
}

}  // namespace raibid::known_helm_test
