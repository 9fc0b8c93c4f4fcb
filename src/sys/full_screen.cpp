#include "sys/full_screen.hpp"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "sys/signals.hpp"
#include "sys/system_error.hpp"

namespace raibid {

namespace {

// xterm's sequences, which all terminals of today know: alternate screen, no cursor, no wrapping
constexpr std::string_view enter_sequence = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
constexpr std::string_view leave_sequence = "\x1b[?7h\x1b[?25h\x1b[0m\x1b[?1049l";
constexpr int escape_patience_ms = 30;  // the rest of a key's sequence comes at once
constexpr char escape = '\x1b';

volatile std::sig_atomic_t changed = 0;  // the size, or we were stopped and go on
void note_change(int signal) { changed = signal; }

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;  // the terminal is gone: nobody can see it
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

bool same(const termios& a, const termios& b) {
  return a.c_lflag == b.c_lflag && a.c_iflag == b.c_iflag && a.c_oflag == b.c_oflag;
}

/// Sequences of xterm and the Linux console.
constexpr std::array<std::pair<std::string_view, Key>, 16> sequences = {{{"[A", Key::up},
                                                                         {"[B", Key::down},
                                                                         {"OA", Key::up},
                                                                         {"OB", Key::down},
                                                                         {"[5~", Key::page_up},
                                                                         {"[6~", Key::page_down},
                                                                         {"[H", Key::home},
                                                                         {"[F", Key::end},
                                                                         {"OH", Key::home},
                                                                         {"OF", Key::end},
                                                                         {"[1~", Key::home},
                                                                         {"[4~", Key::end},
                                                                         {"[7~", Key::home},
                                                                         {"[8~", Key::end},
                                                                         {"[C", Key::none},
                                                                         {"[D", Key::none}}};

/// The end of a control sequence that we do not know: its first byte from @ to ~ behind the bracket.
std::size_t unknown_length(const std::string& typed) {
  for (std::size_t at = 2; at < typed.size(); ++at) {
    if (typed[at] >= '@' && typed[at] <= '~') return at + 1;
  }
  return 0;
}

KeyPress parse_escape(const std::string& typed, bool complete, std::size_t& length) {
  for (const auto& [text, key] : sequences) {
    if (std::string_view(typed).substr(1).starts_with(text)) {
      length = 1 + text.size();
      return {key, 0};
    }
  }
  const bool control = typed.size() > 1 && (typed[1] == '[' || typed[1] == 'O');
  if (control) length = unknown_length(typed);
  if (length > 0) return {};
  if (typed.size() > 1 && !control) {
    length = 2;  // Alt and a key
    return {};
  }
  if (!complete) return {};
  length = typed.size();
  return control ? KeyPress{} : KeyPress{Key::escape, 0};
}

}  // namespace

KeyPress parse_key(const std::string& typed, bool complete, std::size_t& length) {
  length = 0;
  if (typed.empty()) return {};
  const char first = typed.front();
  if (first == escape) return parse_escape(typed, complete, length);
  length = 1;
  if (first == '\r' || first == '\n') return {Key::enter, 0};
  if (first == '\t') return {Key::tab, 0};
  if (first >= ' ' && first <= '~') return {Key::character, first};
  return {};
}

FullScreen::FullScreen(const Signals& signals) : m_signals(signals) {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0 || ::tcgetattr(STDIN_FILENO, &m_before) != 0)
    throw Error(ExitCode::failure, "a live screen needs a terminal");
  m_ours = m_before;
  m_ours.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  m_ours.c_iflag &= ~static_cast<tcflag_t>(IXON | ICRNL);
  m_ours.c_cc[VMIN] = 1;
  m_ours.c_cc[VTIME] = 0;
  // to be stopped or killed with a core from the keyboard would leave the screen behind
  m_ours.c_cc[VSUSP] = m_ours.c_cc[VQUIT] = _POSIX_VDISABLE;
  start_guard();
  struct sigaction action {};
  action.sa_handler = note_change;
  sigemptyset(&action.sa_mask);
  sigaction(SIGWINCH, &action, nullptr);
  sigaction(SIGCONT, &action, nullptr);
  enter();
}

FullScreen::~FullScreen() {
  write_all(leave_sequence);
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &m_before);
  const char well = 'w';
  [[maybe_unused]] const ssize_t told = ::write(m_guard.get(), &well, 1);
  m_guard.reset();
  if (m_guard_pid > 0) {
    while (::waitpid(m_guard_pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  ::signal(SIGWINCH, SIG_DFL);
  ::signal(SIGCONT, SIG_DFL);
}

void FullScreen::enter() {
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &m_ours);
  write_all(enter_sequence);
}

void FullScreen::start_guard() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error(ExitCode::failure, "a pipe", errno);
  UniqueFd read_end(ends[0]);
  m_guard = UniqueFd(ends[1]);
  m_guard_pid = ::fork();
  if (m_guard_pid < 0) throw system_error(ExitCode::failure, "starting a process", errno);
  if (m_guard_pid > 0) return;
  // the child: it outlives whatever ends its parent
  m_guard.reset();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTTOU, SIGPIPE, SIGTSTP}) ::signal(signal, SIG_IGN);
  char byte = 0;
  ssize_t count = 0;
  do count = ::read(read_end.get(), &byte, 1);
  while (count < 0 && errno == EINTR);
  if (count == 0) {
    write_all(leave_sequence);
    termios now{};
    if (::tcgetattr(STDIN_FILENO, &now) == 0 && same(now, m_ours)) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &m_before);
  }
  ::_exit(0);
}

FullScreen::Size FullScreen::size() const {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

void FullScreen::draw(const std::vector<std::string>& lines) {
  std::string text = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) text += (i == 0 ? "" : "\r\n") + lines[i] + "\x1b[0m\x1b[K";
  text += "\x1b[J";
  write_all(text);
}

KeyPress FullScreen::wait(Duration most) {
  const auto until = std::chrono::steady_clock::now() + most;
  for (;;) {
    if (changed != 0) {
      if (std::exchange(changed, 0) == SIGCONT) enter();
      return {Key::resized, 0};
    }
    if (m_signals.pending() != 0) return {};
    if (const KeyPress key = take_key(); key.key != Key::none) return key;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    if (left <= 0) return {};
    fill(static_cast<int>(std::min<long long>(left, 60'000)));
  }
}

/// The next key of what was typed; waits a moment for the rest of a sequence.
KeyPress FullScreen::take_key() {
  for (bool complete = false; !m_typed.empty();) {
    std::size_t length = 0;
    const KeyPress key = parse_key(m_typed, complete, length);
    if (length == 0) {
      complete = !fill(escape_patience_ms);
      continue;
    }
    m_typed.erase(0, length);
    if (key.key != Key::none) return key;
  }
  return {};
}

/// Reads what is typed within the time. False when nothing came.
bool FullScreen::fill(int timeout_ms) {
  std::array<pollfd, 2> list{pollfd{m_ended ? -1 : STDIN_FILENO, POLLIN, 0}, pollfd{m_signals.fd(), POLLIN, 0}};
  if (::poll(list.data(), list.size(), timeout_ms) <= 0 || list[0].revents == 0) return false;
  std::array<char, 64> bytes;
  const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)) m_ended = true;
  if (count <= 0) return false;
  m_typed.append(bytes.data(), static_cast<std::size_t>(count));
  return true;
}

}  // namespace raibid
