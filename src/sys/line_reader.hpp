#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace raibid {

/// Lines of a file descriptor, without waiting: a pipe whose writer is slow has no line at the moment. Holds the
/// current line and some KiB.
class LineReader {
 public:
  enum class Next { line, later, end };

  /// `name` is the input's in messages. The descriptor stays the caller's.
  LineReader(int fd, std::string name) : m_fd(fd), m_name(std::move(name)) {}

  /// The next line without its end, valid until the next call; a last line needs no end. Throws Error (failure) when it
  /// cannot be read, (usage) for a line of more than 64 MiB.
  Next next(std::string_view& line);
  /// The line that `next` gave last comes again.
  void again() { m_start = m_line; }

  int fd() const { return m_fd; }
  const std::string& name() const { return m_name; }

 private:
  bool fill();

  int m_fd;
  std::string m_name;
  std::string m_buffer;
  std::size_t m_line = 0;     ///< where the last line began
  std::size_t m_start = 0;    ///< of the next one
  std::size_t m_scanned = 0;  ///< no line ends before it
  bool m_ended = false;
};

}  // namespace raibid
