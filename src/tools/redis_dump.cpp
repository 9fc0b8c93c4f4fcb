#include "tools/redis_dump.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace raibid {

namespace {

constexpr std::size_t mark_length = 40;
constexpr std::size_t longest_header = 1024;

}  // namespace

void DumpReader::add(std::string_view bytes, DumpSink& sink) {
  while (m_state == State::header && !bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    m_line.append(bytes.substr(0, end));
    if (m_line.size() > longest_header)
      throw Error(ExitCode::failure, "Redis answers SYNC with something that is no copy of its data");
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
    if (m_line.ends_with('\r')) m_line.pop_back();
    if (m_line.empty()) {
      sink.waiting();
      continue;
    }
    read_header();
  }
  if (m_state == State::counted) take_counted(bytes, sink);
  if (m_state == State::marked) take_marked(bytes, sink);
}

void DumpReader::read_header() {
  const std::string line = std::move(m_line);
  m_line.clear();
  if (line.front() == '-') {
    m_error = {RedisReply::Type::error, line.substr(1), 0, {}};
    m_state = State::ended;
    return;
  }
  constexpr std::string_view marked = "$EOF:";
  if (line.starts_with(marked) && line.size() == marked.size() + mark_length) {
    m_mark = line.substr(marked.size());
    m_state = State::marked;
    return;
  }
  const char* const end = line.data() + line.size();
  const auto [stopped, problem] = std::from_chars(line.data() + 1, end, m_left);
  if (line.front() != '$' || problem != std::errc() || stopped != end || m_left < 0)
    throw Error(ExitCode::failure, fmt::format("Redis answers SYNC with \"{}\"", printable(line.substr(0, 60))));
  m_state = m_left == 0 ? State::ended : State::counted;
}

void DumpReader::take_counted(std::string_view bytes, DumpSink& sink) {
  bytes = bytes.substr(
      0, static_cast<std::size_t>(std::min<std::int64_t>(m_left, static_cast<std::int64_t>(bytes.size()))));
  if (!bytes.empty()) sink.take(bytes);
  m_taken += static_cast<std::int64_t>(bytes.size());
  m_left -= static_cast<std::int64_t>(bytes.size());
  if (m_left == 0) m_state = State::ended;
}

void DumpReader::take_marked(std::string_view bytes, DumpSink& sink) {
  const auto hand_on = [&](std::string_view part) {
    if (part.empty()) return;
    sink.take(part);
    m_taken += static_cast<std::int64_t>(part.size());
  };
  // the mark is the last that comes: with rdb-only Redis then waits for us to close the connection
  if (bytes.size() >= mark_length) {
    hand_on(m_held);
    hand_on(bytes.substr(0, bytes.size() - mark_length));
    m_held = bytes.substr(bytes.size() - mark_length);
  } else {
    m_held += bytes;
    const std::size_t more = m_held.size() > mark_length ? m_held.size() - mark_length : 0;
    hand_on(std::string_view(m_held).substr(0, more));
    m_held.erase(0, more);
  }
  if (m_held == m_mark) m_state = State::ended;
}

RedisReply DumpReader::reply() const {
  if (m_error.is_error()) return m_error;
  return {RedisReply::Type::integer, "", m_taken, {}};
}

}  // namespace raibid
