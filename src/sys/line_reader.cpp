#include "sys/line_reader.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "sys/system_error.hpp"

namespace raibid {

namespace {

constexpr std::size_t chunk = 128u << 10;
constexpr std::size_t longest_line = 64u << 20;

}  // namespace

LineReader::Next LineReader::next(std::string_view& line) {
  for (;;) {
    const std::size_t end = m_buffer.find('\n', std::max(m_scanned, m_start));
    if (end != std::string::npos) {
      m_line = m_start;
      line = std::string_view(m_buffer).substr(m_start, end - m_start);
      m_start = end + 1;
      return Next::line;
    }
    m_scanned = m_buffer.size();
    if (m_ended) {
      if (m_start == m_buffer.size()) return Next::end;
      m_line = m_start;
      line = std::string_view(m_buffer).substr(m_start);
      m_start = m_buffer.size();
      return Next::line;
    }
    if (m_buffer.size() - m_start > longest_line)
      throw Error(ExitCode::usage, m_name + " has a line of more than 64 MiB");
    if (!fill()) return Next::later;
  }
}

/// False when there is nothing to read at the moment.
bool LineReader::fill() {
  pollfd entry{m_fd, POLLIN, 0};
  const int ready = ::poll(&entry, 1, 0);
  if (ready == 0 || (ready < 0 && errno == EINTR)) return false;
  m_buffer.erase(0, m_start);
  m_line = m_start = 0;
  m_scanned = m_buffer.size();
  const std::size_t size = m_buffer.size();
  m_buffer.resize(size + chunk);
  const ssize_t count = ::read(m_fd, m_buffer.data() + size, chunk);
  const int reason = errno;
  m_buffer.resize(size + (count > 0 ? static_cast<std::size_t>(count) : 0));
  if (count < 0 && (reason == EINTR || reason == EAGAIN)) return false;
  if (count < 0) throw system_error(ExitCode::failure, "reading " + m_name, reason);
  m_ended = count == 0;
  return true;
}

}  // namespace raibid
