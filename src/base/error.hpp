#pragma once

#include <exception>
#include <string>

namespace raibid {

/// What the shell sees. One table for the whole program; a run ended by a signal exits with 128 + its number.
enum class ExitCode : int {
  ok = 0,
  failure = 1,        ///< unhealthy, a "no" to a question, or a failure that changed nothing
  usage = 2,          ///< a mistake in the command line, the environment or a file of settings
  preflight = 3,      ///< refused before anything was changed
  rolled_back = 4,    ///< failed, and everything this run made was taken back
  remains = 5,        ///< something remains; the commands for it were printed
  not_installed = 6,  ///< nothing of that name is installed
};

/// The one error type: what happened, where, and (hint) what to do about it. Layers add where they were while it
/// unwinds; only src/cli turns it into text and an exit code.
class Error : public std::exception {
 public:
  Error(ExitCode code, std::string message, std::string hint = {});

  /// A run ended by `signal` (SIGINT, SIGTERM, SIGHUP).
  static Error interrupted(int signal);

  const char* what() const noexcept override { return m_message.c_str(); }
  const std::string& message() const { return m_message; }
  const std::string& hint() const { return m_hint; }
  ExitCode code() const { return m_code; }

  /// The signal that ended the run, or 0.
  int signal() const;

  /// Puts "while <doing>: " in front of the message.
  Error& during(const std::string& doing);
  Error& with_hint(std::string hint);
  Error& with_code(ExitCode code);

  /// The step that threw this knows that it has made nothing: what it meant to undo may be somebody else's.
  Error& made_nothing();
  bool has_made_nothing() const { return m_made_nothing; }

 private:
  ExitCode m_code;
  std::string m_message;
  std::string m_hint;
  bool m_made_nothing = false;
};

}  // namespace raibid
