#pragma once

#include <string>

#include "components/context.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/settings/naming.hpp"
#include "plan/step.hpp"

namespace raibid {

/// What an interrupted helm left of a release, and the way out of it.
struct Repair {
  enum class Kind {
    none,       ///< nothing to do, or helm's own upgrade does it
    wait,       ///< someone may still be at work
    uninstall,  ///< it was never deployed, or is half gone: the rest goes, the claim stays
    rollback,   ///< back to `revision`, the last that was deployed
  };
  Kind kind = Kind::none;
  int revision = 0;
};

/// `abandoned`: who worked on it is known to be dead. Otherwise a record in the middle of a change counts as someone's
/// work until it is a quarter of an hour old: three times what helm itself waits at most, unless told otherwise
/// (--timeout 5m).
Repair judge_release(const Release::Record& release, bool abandoned, WallTime now);

/// Throws Error (preflight) for Kind::wait: what is going on, since when, and what to do when it is not.
void refuse_busy_release(const Repair& repair, const Release::Record& release, const std::string& name,
                         const Helm& helm, WallTime now);

/// Does it, as a step that is reported. `undos` are kubernetes_undos: repairing is undoing what someone left half
/// done.
void repair_release(Context& context, const Repair& repair, const Release::Record& release, const std::string& name,
                    const RedisNames& names, const UndoTable& undos);

}  // namespace raibid
