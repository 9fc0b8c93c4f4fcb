#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "components/component.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "plan/executor.hpp"
#include "plan/journal.hpp"

namespace raibid {

/// Something that teardown removes or keeps, for people and for programs.
struct Named {
  std::string kind;  ///< of Kubernetes ("Secret"), else "Release", "File", "Folder", "Process", "Group" or "Redis"
  std::string name;  ///< of the object, or the path
  std::string what;  ///< for the list before the question
};

/// Something that teardown removes.
struct Removal {
  std::string name;  ///< the step's name
  Named object;
  std::function<std::string()> act;  ///< returns the detail for the step's line
};

/// What a teardown would remove, in order, and what it keeps.
struct Removals {
  std::vector<Removal> goes;
  std::vector<Named> stays;

  /// Nothing of `others` goes that does not go here.
  bool cover(const Removals& others) const;
};

/// What comes before anything is removed: prints what a killed run left to undo, what will be removed and what will be
/// kept, and asks (unless --yes). std::nullopt means go on. A result ends the run with nothing changed: there is
/// nothing, it is a dry run, or the answer was no (exit code 1). Throws Error (usage) without a terminal and --yes.
std::optional<CommandResult> ask_before_teardown(Context& context, const std::string& subject,
                                                 const std::optional<Journal::Left>& left, const Removals& removals);

/// Removes in order. A failure midway is an Error (remains) whose hint is to run teardown again. `still_ours` is asked
/// before each; when someone else has the lock now nothing more is removed (preflight, or remains after the first).
CommandResult remove_all(Context& context, const std::string& subject, const Removals& removals,
                         const StillOurs& still_ours);

/// The end of a teardown that was agreed to: plans again, for the question and the recovery took their time; asks again
/// when more would go; removes, and closes the run. Throws as remove_all, and what was removed stays removed: running
/// teardown again goes on where this stopped.
CommandResult remove_agreed(Context& context, JournaledRun& run, const std::string& subject, const Removals& agreed,
                            const std::function<Removals()>& plan);

/// What teardown says when there is nothing.
CommandResult nothing_to_tear_down(const Context& context, const std::string& subject);

}  // namespace raibid
