#include "support/pty.hpp"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>

namespace raibid::test {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds patience = std::chrono::seconds(20);

}  // namespace

Pty::Pty(const std::vector<std::string>& argv, const std::map<std::string, std::string>& environment, int columns,
         int rows) {
  winsize size{};
  size.ws_col = static_cast<unsigned short>(columns);
  size.ws_row = static_cast<unsigned short>(rows);
  // each once: of two, bash takes the last and zsh the first
  std::map<std::string, std::string> all = environment;
  all.insert({{"TERM", "xterm-256color"}, {"LC_ALL", "C.UTF-8"}, {"PATH", "/usr/bin:/bin"}});
  std::vector<std::string> entries;
  for (const auto& [name, value] : all) entries.push_back(name + "=" + value);
  std::vector<char*> words, variables;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  for (const std::string& entry : entries) variables.push_back(const_cast<char*>(entry.c_str()));
  words.push_back(nullptr);
  variables.push_back(nullptr);
  int terminal = -1;
  m_pid = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (m_pid < 0) throw std::runtime_error("no pseudo terminal");
  if (m_pid == 0) {
    ::execve(words[0], words.data(), variables.data());
    ::_exit(127);
  }
  m_terminal = UniqueFd(terminal);
}

Pty::~Pty() {
  if (m_pid > 0) {
    ::kill(m_pid, SIGKILL);
    ::waitpid(m_pid, nullptr, 0);
  }
}

void Pty::type(const std::string& keys) const {
  if (::write(m_terminal.get(), keys.data(), keys.size()) != static_cast<ssize_t>(keys.size()))
    throw std::runtime_error("typing failed");
}

void Pty::resize(int columns, int rows) const {
  winsize size{};
  size.ws_col = static_cast<unsigned short>(columns);
  size.ws_row = static_cast<unsigned short>(rows);
  ::ioctl(m_terminal.get(), TIOCSWINSZ, &size);
}

bool Pty::read_some(milliseconds most) {
  pollfd entry{m_terminal.get(), POLLIN, 0};
  if (::poll(&entry, 1, static_cast<int>(most.count())) <= 0) return false;
  std::array<char, 4096> bytes;
  const ssize_t count = ::read(m_terminal.get(), bytes.data(), bytes.size());
  if (count <= 0) return false;  // EIO: nobody has the other end open any more
  m_written.append(bytes.data(), static_cast<std::size_t>(count));
  return true;
}

bool Pty::shows(const std::string& text, milliseconds limit) {
  const auto until = steady_clock::now() + limit;
  for (;;) {
    const std::size_t found = m_written.find(text, m_seen);
    if (found != std::string::npos) {
      m_seen = found + text.size();
      return true;
    }
    if (steady_clock::now() >= until) return false;
    read_some(milliseconds(50));
  }
}

void Pty::signal(int number) const { ::kill(m_pid, number); }

int Pty::end() {
  const auto until = steady_clock::now() + patience;
  int status = 0;
  for (;;) {
    read_some(milliseconds(20));
    const pid_t ended = ::waitpid(m_pid, &status, WNOHANG);
    if (ended == m_pid) break;
    if (steady_clock::now() >= until) throw std::runtime_error("the program does not end");
  }
  m_pid = -1;
  while (read_some(milliseconds(200))) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

termios Pty::settings() const {
  termios settings{};
  ::tcgetattr(m_terminal.get(), &settings);
  return settings;
}

}  // namespace raibid::test
