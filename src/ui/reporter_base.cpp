#include "ui/reporter_base.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "ui/text.hpp"

#include <termios.h>
#include <unistd.h>

namespace raibid {

namespace {

/// As long as it lives, the terminal does not show what is typed.
class Unseen {
 public:
  Unseen() {
    if (::tcgetattr(STDIN_FILENO, &m_before) != 0) return;
    termios quiet = m_before;
    quiet.c_lflag &= static_cast<tcflag_t>(~static_cast<tcflag_t>(ECHO));
    m_changed = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
  }
  ~Unseen() {
    if (m_changed) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &m_before);
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;

 private:
  termios m_before{};
  bool m_changed = false;
};

}  // namespace

ReporterBase::ReporterBase(const Terminal& terminal, ReporterOptions options, std::ostream& out)
    : m_terminal(terminal),
      m_options(std::move(options)),
      m_out(out),
      m_color(m_options.color == ColorChoice::always || (m_options.color == ColorChoice::automatic && terminal.color)) {
}

void ReporterBase::heading(std::string_view text) {
  if (!m_options.quiet) say(Color::bold, "", text);
}

void ReporterBase::note(std::string_view text) {
  if (!m_options.quiet) say(Color::none, "", text);
}

/// Also with --quiet: whoever is asked something has to see it. A user's own program may colour what it says.
void ReporterBase::pass_on(std::string_view text) { write(text); }

void ReporterBase::detail(std::string_view text) {
  if (m_options.verbose && !m_options.quiet) say(Color::dim, "", text);
}

void ReporterBase::warning(std::string_view text) { say(Color::yellow, "warning: ", text); }

void ReporterBase::error(const BaseError& error) {
  say(Color::red, "error: ", error.message());
  if (!error.hint().empty()) say(Color::bold, "hint: ", error.hint());
}

std::optional<bool> ReporterBase::confirm(std::string_view question) {
  if (!m_terminal.questions) return std::nullopt;
  write_question(clean(question) + " [y/N] ");
  const std::optional<std::string> line = m_options.read_line();
  if (!line) write("\n");  // what the user's Enter does otherwise
  const std::string answer = to_lower(trim(line.value_or("")));
  return answer == "y" || answer == "yes";
}

std::optional<Secret> ReporterBase::ask_secret(std::string_view question) {
  if (!m_terminal.questions) return std::nullopt;
  std::optional<std::string> line;
  {
    const Unseen unseen;  // before the question: who sees it may type at once
    write_question(clean(question) + " ");
    line = m_options.read_line();
  }
  write("\n");
  return Secret(std::move(line).value_or(""));
}

void ReporterBase::say(Color color, std::string_view label, std::string_view text) {
  std::string lines;
  for (const std::string& line : split(text, '\n')) {
    if (line.empty()) continue;
    if (label.empty()) {
      lines += painted(color, clean(line)) + '\n';
    } else {
      lines += (lines.empty() ? painted(color, label) : "  ") + clean(line) + '\n';
    }
  }
  if (!lines.empty()) write_lines(lines);
}

std::string ReporterBase::painted(Color color, std::string_view text) const {
  if (!m_color || color == Color::none || text.empty()) return std::string(text);
  const auto code = [color] {
    switch (color) {
      case Color::bold:
        return "1";
      case Color::dim:
        return "2";
      case Color::green:
        return "32";
      case Color::yellow:
        return "33";
      case Color::red:
        return "1;31";
      case Color::none:
        break;
    }
    return "0";
  };
  return std::string("\x1b[") + code() + "m" + std::string(text) + "\x1b[0m";
}

std::string ReporterBase::clean(std::string_view text) const {
  const std::string shown = printable(text);
  return m_terminal.utf8 ? shown : ascii_only(shown);
}

void ReporterBase::write(std::string_view text) {
  m_out.write(text.data(), static_cast<std::streamsize>(text.size())).flush();
}

std::optional<std::string> ReporterOptions::read_standard_input_line() {
  constexpr std::size_t longest = 1024;
  std::string line;
  char c = 0;
  // byte by byte: what follows the answer is not ours
  while (line.size() < longest) {
    const ssize_t got = ::read(STDIN_FILENO, &c, 1);
    if (got <= 0) return std::nullopt;
    if (c == '\n') return line;
    line += c;
  }
  return line;
}

}  // namespace raibid
