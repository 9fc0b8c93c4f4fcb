#include "components/redis/place/kubernetes/repair.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/place/kubernetes/undo.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

using std::chrono::seconds;

constexpr auto abandoned_after = std::chrono::minutes(15);

std::string age_of(const Release::Record& release, WallTime now) {
  const auto age = std::chrono::duration_cast<seconds>(now - release.changed);
  return age < seconds(120) ? fmt::format("{} s", std::max<long>(age.count(), 0))
                            : fmt::format("{} minutes", age.count() / 60);
}

bool in_the_middle(const std::string& status) { return status.rfind("pending-", 0) == 0 || status == "uninstalling"; }

}  // namespace

Repair judge_release(const Release::Record& release, bool abandoned, WallTime now) {
  if (release.status == "failed") {
    // over a failed change helm upgrades by itself; a first install that failed has nothing to go back to
    return release.last_deployed > 0 ? Repair{} : Repair{Repair::Kind::uninstall, 0};
  }
  if (!in_the_middle(release.status)) return {};
  if (!abandoned && now - release.changed < abandoned_after) return {Repair::Kind::wait, release.last_deployed};
  if (release.status == "uninstalling" || release.last_deployed == 0) return {Repair::Kind::uninstall, 0};
  return {Repair::Kind::rollback, release.last_deployed};
}

void refuse_busy_release(const Repair& repair, const Release::Record& release, const std::string& name,
                         const Helm& helm, WallTime now) {
  if (repair.kind != Repair::Kind::wait) return;
  const bool uninstall = release.status == "uninstalling" || repair.revision == 0;
  throw Error(ExitCode::preflight,
              fmt::format("release {} is {} since {}: another helm may still be at work on it", name, release.status,
                          age_of(release, now)),
              fmt::format("wait for it; {} minutes after it began it counts as abandoned, and this command repairs it. "
                          "If you know that "
                          "none is at work: {}",
                          abandoned_after.count(),
                          uninstall ? helm.for_people({"uninstall", name})
                                    : helm.for_people({"rollback", name, std::to_string(repair.revision)})));
}

void repair_release(Context& context, const Repair& repair, const Release::Record& release, const std::string& name,
                    const RedisNames& names, const UndoTable& undos) {
  if (repair.kind != Repair::Kind::uninstall && repair.kind != Repair::Kind::rollback) return;
  const bool back = repair.kind == Repair::Kind::rollback;
  const TimePoint started = context.clock.now();
  context.reporter.step_started("repair");
  try {
    if (back) {
      undos.at("helm.rollback")({{"release", name},
                                 {"revision", std::to_string(repair.revision)},
                                 {"pod", names.pod},
                                 {run_argument, release.run},
                                 {judged_argument, std::to_string(release.revision)}});
    } else {
      undos.at("helm.uninstall")({{"release", name},
                                  {"pod", names.pod},
                                  {run_argument, release.run},
                                  {judged_argument, std::to_string(release.revision)}});
    }
  } catch (const Kept& reason) {
    context.reporter.step_ended("repair", Mark::failed, reason.what(),
                                std::chrono::duration_cast<Duration>(context.clock.now() - started));
    throw Error(ExitCode::preflight, reason.what(), "run this again: it will look at what is there");
  } catch (const Interrupted& stop) {
    context.reporter.step_ended("repair", Mark::failed, stop.message(),
                                std::chrono::duration_cast<Duration>(context.clock.now() - started));
    throw;
  } catch (Error& error) {
    context.reporter.step_ended("repair", Mark::failed, error.message(),
                                std::chrono::duration_cast<Duration>(context.clock.now() - started));
    throw error.with_code(ExitCode::failure)
        .during(fmt::format("repairing release {}, which a helm left {}", name, release.status));
  }
  const std::string done =
      back ? fmt::format("back to revision {}", repair.revision) : "its rest removed, the data stays";
  context.reporter.step_ended("repair", Mark::done, fmt::format("{} was left {}: {}", name, release.status, done),
                              std::chrono::duration_cast<Duration>(context.clock.now() - started));
}

}  // namespace raibid
