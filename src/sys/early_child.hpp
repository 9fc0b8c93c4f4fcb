#pragma once

#include <memory>
#include <string>

#include "sys/process.hpp"

namespace raibid {

/// A child that starts before its turn and waits for its input, so that its turn costs no start. Only for a program
/// that changes nothing before its input has ended, and fails where there is none: when we are killed it reads the end
/// of it.
class EarlyChild {
 public:
  /// Starts `command` without its input. Throws as Runner::start.
  EarlyChild(Runner& runner, Command command);
  ~EarlyChild();
  EarlyChild(const EarlyChild&) = delete;
  EarlyChild& operator=(const EarlyChild&) = delete;

  /// Gives it its input, once: from here on it acts. One that has ended meanwhile is what it is.
  std::unique_ptr<Process> act();
  const Command& command() const { return m_command; }

 private:
  Command m_command;
  std::string m_input;  ///< may hold a secret
  std::unique_ptr<Process> m_process;
};

}  // namespace raibid
