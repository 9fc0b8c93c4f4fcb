#pragma once

#include <exception>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace raibid {

/// How to take back one thing that a step is about to make. It is data, so that it survives us in the journal and a
/// later run can replay it; never holds a secret.
struct Undo {
  std::string action;                            ///< a key of the UndoTable
  std::map<std::string, std::string> arguments;  ///< what the action needs
  std::string command;                           ///< what a person would type to do the same
};

/// The argument with which the executor completes every Undo: the id of the run that recorded it. What is stamped with
/// another id was made by another run.
inline constexpr const char* run_argument = "run";

/// An undo throws this when the thing is no longer what its run made, or is to be kept: the entry is dropped, nothing
/// is changed, and the reason is shown.
class Kept : public std::exception {
 public:
  explicit Kept(std::string reason) : m_reason(std::move(reason)) {}
  const char* what() const noexcept override { return m_reason.c_str(); }

 private:
  std::string m_reason;
};

/// What each Undo's action does. Every action can run twice: what is gone already is fine. It throws Error when it
/// could not take the thing back, and Kept when it must not.
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
