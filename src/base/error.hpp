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

/// What ends a run early: an Error, or Interrupted. Only src/cli catches it as such, and what must clean up first.
class BaseError : public std::exception {
 public:
  const char* what() const noexcept override { return m_message.c_str(); }
  const std::string& message() const { return m_message; }
  /// What to do about it; "" when there is nothing to say.
  const std::string& hint() const { return m_hint; }
  /// The folder with what was kept to find the cause; "" when nothing was.
  const std::string& evidence() const { return m_evidence; }
  /// What the shell sees.
  virtual int exit_code() const = 0;

 protected:
  BaseError(std::string message, std::string hint);

  std::string m_message;
  std::string m_hint;
  std::string m_evidence;
};

/// A failure: what happened, where, and (hint) what to do about it. Layers add where they were while it unwinds; only
/// src/cli turns it into text and an exit code.
class Error : public BaseError {
 public:
  Error(ExitCode code, std::string message, std::string hint = {});

  ExitCode code() const { return m_code; }
  int exit_code() const override { return static_cast<int>(m_code); }

  /// Puts "while <doing>: " in front of the message.
  Error& during(const std::string& doing);
  Error& with_hint(std::string hint);
  Error& with_code(ExitCode code);
  Error& with_evidence(std::string folder);

  /// The step that threw this created nothing, so its undo is dropped: what it names may be someone else's.
  Error& made_nothing();
  bool has_made_nothing() const { return m_made_nothing; }

 private:
  ExitCode m_code;
  bool m_made_nothing = false;
};

/// A run ended by a signal (SIGINT, SIGTERM, SIGHUP; SIGPIPE when the reader of the output has gone). It is no Error,
/// so that no `catch (const Error&)` swallows a Ctrl-C.
class Interrupted : public BaseError {
 public:
  explicit Interrupted(int signal, std::string hint = {});

  int signal() const { return m_signal; }
  int exit_code() const override;

 private:
  int m_signal;
};

}  // namespace raibid
