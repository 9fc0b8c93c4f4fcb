#include "base/error.hpp"
#include "fakes/fake_clock.hpp"
#include "sys/clock.hpp"
#include "sys/environment.hpp"
#include "sys/random.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <array>
#include <chrono>
#include <ctime>
#include <string>

using namespace raibid;
using namespace std::chrono_literals;

TEST_CASE("RFC 3339 in UTC, to the second") {
  CHECK(rfc3339(std::chrono::system_clock::from_time_t(0)) == "1970-01-01T00:00:00Z");
  CHECK(rfc3339(std::chrono::system_clock::from_time_t(1769850487) + 999ms) == "2026-01-31T09:08:07Z");
  CHECK(rfc3339(std::chrono::system_clock::from_time_t(0) - 1ms) == "1969-12-31T23:59:59Z");
}

TEST_CASE("the fake clock moves when it is told to, and never back") {
  FakeClock clock;
  const TimePoint start = clock.now();
  CHECK(rfc3339(clock.wall()) == "2026-01-31T09:08:07Z");
  clock.advance(90s);
  clock.advance_to(start);
  CHECK(clock.now() == start + 90s);
  CHECK(rfc3339(clock.wall()) == "2026-01-31T09:09:37Z");
}

TEST_CASE("the environment is read with everything behind the first equals sign") {
  setenv("RAIBID_TEST_VARIABLE", "a=b", 1);
  const Environment environment = system_environment();
  unsetenv("RAIBID_TEST_VARIABLE");
  CHECK(variable(environment, "RAIBID_TEST_VARIABLE") == "a=b");
  CHECK(variable(environment, "RAIBID_TEST_NO_SUCH").empty());
}

TEST_CASE("where the files are") {
  const Paths usual = resolve_paths({{"HOME", "/home/ann"}});
  CHECK(usual.home == "/home/ann/.raibid");
  CHECK(usual.user == "/home/ann");
  CHECK(usual.temporary == "/tmp");
  CHECK(usual.journal() == "/home/ann/.raibid/journal");

  const Paths moved =
      resolve_paths({{"HOME", "/home/ann/"}, {"RAIBID_HOME", "/srv/./raibid/"}, {"TMPDIR", "/var/tmp/"}});
  CHECK(moved.home == "/srv/raibid");
  CHECK(moved.user == "/home/ann");
  CHECK(moved.temporary == "/var/tmp");

  CHECK(resolve_paths({{"RAIBID_HOME", "/srv/raibid"}}).home == "/srv/raibid");
  CHECK(resolve_paths({{"RAIBID_HOME", "here"}, {"HOME", "/h"}}).home.is_absolute());
}

TEST_CASE("without HOME and RAIBID_HOME there is no place for files") {
  try {
    resolve_paths({{"HOME", ""}});
    FAIL_CHECK("a place was found");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::preflight);
    CHECK(error.hint().find("RAIBID_HOME") != std::string::npos);
  }
}

TEST_CASE("paths are shown with ~ for the home directory, and only for that") {
  const Paths paths = resolve_paths({{"HOME", "/home/ann"}});
  CHECK(paths.shown("/home/ann/.raibid/x.json") == "~/.raibid/x.json");
  CHECK(paths.shown("/home/ann") == "~");
  CHECK(paths.shown("/home/anna/x") == "/home/anna/x");
  CHECK(paths.shown("/etc/x") == "/etc/x");
  CHECK(resolve_paths({{"HOME", "/"}}).shown("/etc/x") == "/etc/x");
  CHECK(resolve_paths({{"RAIBID_HOME", "/r"}}).shown("/etc/x") == "/etc/x");
}

TEST_CASE("a ~ that no shell has seen is the home directory") {
  CHECK(with_home("~/x", "/home/ann") == "/home/ann/x");
  CHECK(with_home("~", "/home/a b") == "/home/a b");
  CHECK(with_home("~bob/x", "/home/ann") == "~bob/x");
  CHECK(with_home("/a/~/x", "/home/ann") == "/a/~/x");
  CHECK(with_home("~/x", "") == "~/x");
  CHECK(resolve_paths({{"HOME", "/home/ann"}, {"RAIBID_HOME", "~/r"}}).home == "/home/ann/r");
}

TEST_CASE("SHA-256 of FIPS 180-2's examples") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("the system's random bytes differ from call to call") {
  SystemRandom random;
  std::array<std::uint8_t, 32> first{}, second{};
  random.fill(first);
  random.fill(second);
  CHECK(first != second);
  random.fill({});
}
