#include "ui/terminal.hpp"

#include <doctest/doctest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fcntl.h>

namespace raibid {

namespace {

/// stdin and stderr on a terminal of our own, and back again.
class PseudoTerminal {
 public:
  PseudoTerminal() {
    winsize size{};
    size.ws_col = 111;
    size.ws_row = 20;
    REQUIRE(openpty(&m_master, &m_slave, nullptr, nullptr, &size) == 0);
    dup2(m_slave, STDIN_FILENO);
    dup2(m_slave, STDERR_FILENO);
  }
  ~PseudoTerminal() {
    dup2(m_stdin, STDIN_FILENO);
    dup2(m_stderr, STDERR_FILENO);
    for (const int fd : {m_stdin, m_stderr, m_master, m_slave}) close(fd);
  }
  PseudoTerminal(const PseudoTerminal&) = delete;
  PseudoTerminal& operator=(const PseudoTerminal&) = delete;

  void resize(unsigned short columns) const {
    winsize size{};
    size.ws_col = columns;
    ioctl(m_master, TIOCSWINSZ, &size);
  }
  void stdin_is_a_file() const {
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    close(null);
  }

 private:
  int m_stdin = dup(STDIN_FILENO);
  int m_stderr = dup(STDERR_FILENO);
  int m_master = -1;
  int m_slave = -1;
};

}  // namespace

TEST_CASE("a terminal is recognized, with its width of the moment") {
  const PseudoTerminal pseudo;
  const Terminal terminal = probe_terminal({{"TERM", "xterm"}, {"LANG", "en_US.UTF-8"}, {"COLUMNS", "50"}});
  CHECK(terminal.rewrites);
  CHECK(terminal.questions);
  CHECK(terminal.color);
  CHECK(terminal.utf8);
  CHECK(terminal.width() == 111);
  pseudo.resize(42);
  CHECK(terminal.width() == 42);
  pseudo.resize(0);
  CHECK(terminal.width() == 50);

  for (const char* type : {"dumb", ""}) {
    const Terminal dumb = probe_terminal({{"TERM", type}});
    CHECK_FALSE(dumb.rewrites);
    CHECK_FALSE(dumb.color);
    CHECK(dumb.questions);
  }
  CHECK_FALSE(probe_terminal({{"TERM", "xterm"}, {"NO_COLOR", "1"}}).color);
  CHECK(probe_terminal({{"TERM", "xterm"}, {"NO_COLOR", ""}}).color);
  CHECK(probe_terminal({{"COLUMNS", "wide"}}).width() == 80);

  pseudo.stdin_is_a_file();
  CHECK(probe_terminal({{"TERM", "xterm"}}).rewrites);
  CHECK_FALSE(probe_terminal({{"TERM", "xterm"}}).questions);
}

TEST_CASE("the locale says whether UTF-8 can be shown") {
  CHECK(probe_terminal({{"LC_ALL", "C.utf8"}, {"LANG", "C"}}).utf8);
  CHECK(probe_terminal({{"LC_ALL", ""}, {"LC_CTYPE", "de_DE.UTF-8"}, {"LANG", "C"}}).utf8);
  CHECK_FALSE(probe_terminal({{"LC_ALL", "C"}, {"LANG", "en_US.UTF-8"}}).utf8);
  CHECK_FALSE(probe_terminal({}).utf8);
}

}  // namespace raibid
