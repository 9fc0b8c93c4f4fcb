#pragma once

#include <termios.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "sys/unique_fd.hpp"

namespace raibid::test {

/// A program on a terminal of its own, with someone who types and reads.
class Pty {
 public:
  /// Starts argv[0] (a path) with this environment beside TERM and a UTF-8 locale.
  Pty(const std::vector<std::string>& argv, const std::map<std::string, std::string>& environment, int columns = 80,
      int rows = 24);
  /// Kills the program if it still runs.
  ~Pty();
  Pty(const Pty&) = delete;
  Pty& operator=(const Pty&) = delete;

  void type(const std::string& keys) const;
  void resize(int columns, int rows) const;
  /// Reads until what was written since the last call holds `text`; false when it does not within `limit`.
  bool shows(const std::string& text, std::chrono::milliseconds limit = std::chrono::seconds(20));
  /// All that was written up to now.
  const std::string& written() const { return m_written; }
  /// Sends a signal to the program alone.
  void signal(int number) const;
  /// Reads until the program has ended; its exit code, or 128 + the signal.
  int end();
  /// The terminal's settings now.
  termios settings() const;

 private:
  bool read_some(std::chrono::milliseconds most);

  UniqueFd m_terminal;
  int m_pid = -1;
  std::string m_written;
  std::size_t m_seen = 0;
};

}  // namespace raibid::test
