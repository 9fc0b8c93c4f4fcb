#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sys/clock.hpp"

namespace raibid {

class Signals;
class Timeline;
struct ApiRequests;  // tools/api_request.hpp

struct Command {
  std::vector<std::string> argv;  ///< argv[0] is looked up in PATH; never holds a secret
  std::string input;  ///< given to standard input, which is then closed; may hold a secret and is never logged
  std::vector<std::pair<std::string, std::string>> environment;  ///< added to ours
  bool input_follows = false;                                    ///< standard input stays open until Process::feed
  bool only_reads = false;  ///< it changes nothing: a dry run may start it, and starts no other
  bool repeatable = false;  ///< doing it twice is doing it once: it may be started again when the server was in trouble
  bool asks_user = false;   ///< it may ask something: it shares our terminal's input, and our process group, when there
                            ///< is a terminal
  /// The same as requests to the Kubernetes API, for a Runner that can make them (ApiRunner); else argv is run.
  std::shared_ptr<const ApiRequests> api = {};
};

/// The same, marked as one that changes nothing.
inline Command reading(Command command) {
  command.only_reads = true;
  return command;
}

/// What the Kubernetes API says of a request that it refused: its Status object (k8s.io/apimachinery, meta/v1), or what
/// can be told of an answer without one.
struct ApiFailure {
  int code = 0;            ///< HTTP's; 0 when nobody answered
  std::string reason;      ///< "NotFound", "Conflict" …; "" when it was not said
  std::string message;     ///< for people
  Duration retry_after{};  ///< what the server asked for (Retry-After), zero when it did not
};

struct Output {
  int status = 0;  ///< the exit code, or 128 + the signal that ended it
  std::string out;
  std::string err;
  bool timed_out = false;  ///< it was ended by us at the deadline
  /// The requests that failed, when the API was asked (Command::api); for a child, `err` is all there is.
  std::vector<ApiFailure> failures = {};

  bool ok() const { return status == 0 && !timed_out; }
};

/// A child that runs beside us. When the object goes, a child that still runs and its whole process group are ended;
/// the group of one that ended by itself is left alone, because a daemon it made is in it until its setsid.
class Process {
 public:
  virtual ~Process() = default;
  virtual bool finished() const = 0;
  virtual int status() const = 0;  ///< as Output::status; meaningful once finished
  virtual std::string& out() = 0;  ///< what it has said and nobody has taken away yet
  virtual std::string& err() = 0;
  virtual std::vector<ApiFailure> failures() const { return {}; }  ///< as Output::failures
  virtual void feed(
      std::string rest) = 0;  ///< the rest of standard input, which is then closed (Command::input_follows)
  virtual void end() = 0;     ///< TERM, KILL after two seconds, the whole group; returns when it is gone
};

/// The seam between us and other programs, and the only place where this program waits: tests hand in answers.
class Runner {
 public:
  virtual ~Runner() = default;

  /// Throws Error (preflight) when the program cannot be started.
  virtual std::unique_ptr<Process> start(const Command& command) = 0;

  /// Waits until one of `processes` says something or ends, or until `until`. False when the time has passed.
  /// Throws Interrupted when a signal arrives. With no processes, or only finished ones, it is an interruptible
  /// sleep. A child that leaves more than 64 MiB of one stream to be read is an Error (failure).
  virtual bool wait(std::span<Process* const> processes, TimePoint until) = 0;

  virtual TimePoint now() const = 0;

  /// Hears of each child's pid before it can have done anything; {} ends that.
  using Observer = std::function<void(int pid, const Command& command)>;
  void observe(Observer observer) { m_observer = std::move(observer); }

  /// Hears what a person should know of how commands are run; {} ends that.
  using Teller = std::function<void(const std::string& text)>;
  virtual void tell(Teller) {}

  /// Where to write what is started and when it ends (--timing); nullptr ends that.
  virtual void record(Timeline*) {}

 protected:
  Observer m_observer;
};

/// Runs to the end, or until `deadline` (then ended, `timed_out` set).
Output run(Runner& runner, const Command& command, TimePoint deadline);

/// Waits for the end of a child that was started, or until `deadline` (then ended, `timed_out` set).
Output finish(Runner& runner, Process& process, TimePoint deadline);

/// Runs side by side; the outputs are in the order of the commands.
std::vector<Output> run_all(Runner& runner, std::span<const Command> commands, TimePoint deadline);

/// As `run`, but a child that fails or hangs is an Error (failure) with its last words.
Output run_checked(Runner& runner, const Command& command, TimePoint deadline);

/// The Error for a child that failed: program and subcommand, how it ended, the last line of its stderr.
class Error child_error(const Command& command, const Output& output);

}  // namespace raibid
