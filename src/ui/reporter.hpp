#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace raibid {

class BaseError;

/// How a step of a plan ended.
enum class Mark { done, unchanged, warning, failed };

/// What people (or a log) see of a run while it goes. Results, which programs read, go to stdout and not through here.
class Reporter {
 public:
  virtual ~Reporter() = default;

  /// One line that says where this run works: cluster, server, namespace.
  virtual void heading(std::string_view text) = 0;

  virtual void step_started(std::string_view name) = 0;
  /// What the step waits for now. A terminal shows it in place; elsewhere one line for each change.
  virtual void step_progress(std::string_view name, std::string_view text) = 0;
  virtual void step_ended(std::string_view name, Mark mark, std::string_view detail,
                          std::chrono::milliseconds elapsed) = 0;

  virtual void note(std::string_view text) = 0;  ///< worth a line, also in a log
  /// What another program says to the user, as it comes: a question may have no line end. Before the first step.
  virtual void pass_on(std::string_view text) = 0;
  virtual void detail(std::string_view text) = 0;  ///< only with -v
  virtual void warning(std::string_view text) = 0;
  virtual void error(const BaseError& error) = 0;  ///< message and hint

  /// The answer to a yes/no question; std::nullopt when there is no terminal to ask on.
  virtual std::optional<bool> confirm(std::string_view question) = 0;
  /// A password, which does not show while it is typed; std::nullopt when there is no terminal to ask on. It is empty
  /// when nothing was typed.
  virtual std::optional<Secret> ask_secret(std::string_view question) = 0;
};

}  // namespace raibid
