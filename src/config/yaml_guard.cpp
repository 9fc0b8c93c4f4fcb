#include "config/yaml_guard.hpp"

#include "base/error.hpp"
#include "base/utf8.hpp"

#include <fmt/format.h>

namespace raibid {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// YAML 1.2, production c-printable: the control characters that a text may hold are these three.
bool is_forbidden(char32_t c) {
  if (c < 0x20) return c != '\t' && c != '\n' && c != '\r';
  return (c >= 0x7F && c <= 0x9F && c != 0x85) || c == 0xFFFE || c == 0xFFFF;
}

void check_characters(std::string_view text, const std::string& origin) {
  int line = 1;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    if (!point.valid)
      fail_at(origin, line, fmt::format("not UTF-8 text (byte 0x{:02x})", static_cast<unsigned char>(text[at])));
    if (is_forbidden(point.value)) {
      fail_at(origin, line,
              fmt::format("not a text file (control character U+{:04X})", static_cast<unsigned>(point.value)));
    }
    if (point.value == '\n') ++line;
    at += point.length;
  }
}

/// Follows flow brackets through a text, closely enough to count them: quotes, comments and block scalars are skipped,
/// and a bracket counts only where a value can begin (in "a: b[c" it is text).
class FlowScanner {
 public:
  FlowScanner(std::string_view text, const std::string& origin) : m_text(text), m_origin(origin) {}

  void run() {
    while (m_at < m_text.size()) {
      if (m_at_line_start) begin_line();
      if (m_at < m_text.size()) step();
    }
  }

 private:
  char peek(std::size_t ahead = 0) const { return m_at + ahead < m_text.size() ? m_text[m_at + ahead] : '\n'; }

  std::size_t skip_spaces(std::size_t at) const {
    while (at < m_text.size() && m_text[at] == ' ') ++at;
    return at;
  }

  bool is_entry_mark(std::size_t at) const {
    return at + 1 < m_text.size() && (m_text[at] == '-' || m_text[at] == '?') && m_text[at + 1] == ' ';
  }

  /// Finds the column that the lines of a block scalar, should this line start one, are indented beyond.
  void begin_line() {
    m_at_line_start = false;
    m_value_can_begin = true;
    m_block_parent = -1;
    std::size_t at = skip_spaces(m_at);
    while (is_entry_mark(at)) {
      m_block_parent = static_cast<int>(at - m_at);
      at = skip_spaces(at + 1);
    }
    if (at < m_text.size() && m_text[at] != '|' && m_text[at] != '>') m_block_parent = static_cast<int>(at - m_at);
  }

  void step() {
    const char c = peek();
    if (c == '\n') {
      next_line();
    } else if (c == '#' && (m_at == 0 || is_blank(m_text[m_at - 1]) || m_text[m_at - 1] == '\n')) {
      while (peek() != '\n') ++m_at;
    } else if (m_value_can_begin && (c == '"' || c == '\'')) {
      skip_quoted(c);
    } else if (m_value_can_begin && m_depth == 0 && (c == '|' || c == '>') && ends_with_block_header()) {
      skip_block();
    } else {
      take(c);
    }
  }

  void take(char c) {
    if (m_value_can_begin && (c == '[' || c == '{')) {
      if (++m_depth > yaml_limits::depth)
        fail_at(m_origin, m_line, fmt::format("nested more than {} deep", yaml_limits::depth));
    } else if (m_depth > 0 && (c == ']' || c == '}')) {
      --m_depth;
    } else if (m_depth > 0 && c == ',') {
      if (++m_entries > yaml_limits::values)
        fail_at(m_origin, m_line, fmt::format("more than {} values", yaml_limits::values));
    }
    const bool indicator = c == '-' || c == ':' || c == '?';
    const bool separates = m_depth > 0 && (c == ',' || c == '[' || c == '{' || c == ':');
    if (separates || (indicator && (is_blank(peek(1)) || peek(1) == '\n'))) {
      m_value_can_begin = true;
    } else if (!is_blank(c)) {
      m_value_can_begin = false;
    }
    ++m_at;
  }

  void next_line() {
    ++m_at;
    ++m_line;
    m_at_line_start = true;
  }

  void skip_quoted(char quote) {
    for (++m_at; m_at < m_text.size(); ++m_at) {
      const char c = m_text[m_at];
      if (c == '\n') ++m_line;
      if (quote == '"' && c == '\\') {
        if (peek(1) == '\n') ++m_line;
        ++m_at;
      } else if (c == quote && quote == '\'' && peek(1) == '\'') {
        ++m_at;
      } else if (c == quote) {
        ++m_at;
        break;
      }
    }
    m_value_can_begin = false;
  }

  /// "|", ">" with their indicators, and nothing after them but a comment.
  bool ends_with_block_header() const {
    std::size_t at = m_at + 1;
    while (at < m_text.size() && (m_text[at] == '+' || m_text[at] == '-' || (m_text[at] >= '1' && m_text[at] <= '9')))
      ++at;
    while (at < m_text.size() && (is_blank(m_text[at]) || m_text[at] == '\r')) ++at;
    return at >= m_text.size() || m_text[at] == '\n' || m_text[at] == '#';
  }

  void skip_block() {
    do {
      while (peek() != '\n') ++m_at;
      if (m_at >= m_text.size()) return;
      next_line();
    } while (line_belongs_to_block());
  }

  bool line_belongs_to_block() const {
    const std::size_t at = skip_spaces(m_at);
    if (at >= m_text.size()) return false;
    return m_text[at] == '\n' || m_text[at] == '\r' || static_cast<int>(at - m_at) > m_block_parent;
  }

  std::string_view m_text;
  const std::string& m_origin;
  std::size_t m_at = 0;
  int m_line = 1;
  int m_depth = 0;
  int m_entries = 0;
  int m_block_parent = -1;
  bool m_at_line_start = true;
  bool m_value_can_begin = true;
};

}  // namespace

void fail_at(const std::string& origin, int line, const std::string& message) {
  throw Error(ExitCode::usage, fmt::format("{}:{}: {}", origin, line, message));
}

void guard_yaml(std::string_view text, const std::string& origin) {
  if (text.size() > yaml_limits::bytes) {
    throw Error(ExitCode::usage, fmt::format("{}: larger than 1 MiB, which no file of settings is", origin));
  }
  check_characters(text, origin);
  FlowScanner(text, origin).run();
}

}  // namespace raibid
