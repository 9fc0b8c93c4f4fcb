#include <doctest/doctest.h>

#include "base/error.hpp"
#include "components/redis/place/kubernetes/repair.hpp"
#include "fakes/fake_runner.hpp"

using namespace raibid;
using std::chrono::minutes;
using Kind = Repair::Kind;

namespace {

const WallTime now = std::chrono::system_clock::from_time_t(1769860800);

Release::Record release(const std::string& status, int revision, int last_deployed, WallTime changed = now) {
  Release::Record seen;
  seen.revision = revision;
  seen.status = status;
  seen.last_deployed = last_deployed;
  seen.changed = changed;
  return seen;
}

}  // namespace

TEST_CASE("what a helm that did not end left is repaired, or left to whoever is at work") {
  CHECK(judge_release(release("deployed", 3, 3), false, now).kind == Kind::none);
  CHECK(judge_release(release("failed", 3, 2), false, now).kind == Kind::none);
  CHECK(judge_release(release("failed", 1, 0), false, now).kind == Kind::uninstall);
  for (const char* status : {"pending-install", "pending-upgrade", "pending-rollback", "uninstalling"}) {
    CAPTURE(status);
    CHECK(judge_release(release(status, 2, 1), false, now).kind == Kind::wait);
    CHECK(judge_release(release(status, 2, 1), false, now + minutes(14)).kind == Kind::wait);
    CHECK(judge_release(release(status, 2, 1), false, now + minutes(15)).kind != Kind::wait);
    CHECK(judge_release(release(status, 2, 1), true, now).kind != Kind::wait);
  }
  CHECK(judge_release(release("pending-install", 1, 0), true, now).kind == Kind::uninstall);
  CHECK(judge_release(release("uninstalling", 2, 1), true, now).kind == Kind::uninstall);
  const Repair back = judge_release(release("pending-upgrade", 4, 2), true, now);
  CHECK(back.kind == Kind::rollback);
  CHECK(back.revision == 2);
}

TEST_CASE("a release that someone may be changing is refused with its age and the way out") {
  FakeRunner runner;
  const Helm helm(runner, {"", "c", "https://s", "c", ""}, "space");
  const auto refused = [&](const Release::Record& seen, WallTime when) {
    try {
      refuse_busy_release(judge_release(seen, false, when), seen, "r", helm, when);
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::preflight);
      return error.message() + "\n" + error.hint();
    }
    return std::string();
  };
  const std::string upgrade = refused(release("pending-upgrade", 3, 2), now + std::chrono::seconds(40));
  CHECK(upgrade.find("pending-upgrade since 40 s") != std::string::npos);
  CHECK(upgrade.find("helm --kube-context c -n space rollback r 2") != std::string::npos);
  const std::string install = refused(release("pending-install", 1, 0), now + minutes(5));
  CHECK(install.find("since 5 minutes") != std::string::npos);
  CHECK(install.find("uninstall r") != std::string::npos);
  CHECK(refused(release("pending-install", 1, 0), now + minutes(20)).empty());
}
