#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace raibid {

/// How to take back one thing that a step is about to make. It is data, so that it survives us in the journal and a
/// later run can replay it; never holds a secret.
struct Undo {
  std::string action;                            ///< a key of the UndoTable
  std::map<std::string, std::string> arguments;  ///< what the action needs
  std::string command;                           ///< what a person would type to do the same
};

/// What each Undo's action does. Every action can run twice: what is gone already is fine. It throws Error when it
/// could not take the thing back.
using UndoTable = std::map<std::string, std::function<void(const std::map<std::string, std::string>& arguments)>>;

enum class Outcome { changed, unchanged };

struct StepResult {
  Outcome outcome = Outcome::changed;
  std::string detail;  ///< for the line behind the step's name
};

/// One step of a plan. `undo` is asked, and its answer made durable, before `act` runs, so that a kill at any moment
/// leaves a record. It is empty when `act` will change nothing. When `act` throws an Error that has made nothing, the
/// step's own undos are dropped.
struct Step {
  std::string name;
  std::string intent;  ///< what `act` will do, for --dry-run
  std::function<std::vector<Undo>()> undo;
  std::function<StepResult()> act;
};

using Plan = std::vector<Step>;

}  // namespace raibid
