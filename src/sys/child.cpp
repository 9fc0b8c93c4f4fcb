#include "sys/child.hpp"

#include "base/error.hpp"
#include "sys/give_input.hpp"
#include "sys/spawn.hpp"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <utility>

namespace raibid {

namespace {

constexpr Duration term_patience = std::chrono::seconds(2);
constexpr std::size_t read_at_once = 256 << 10;  // so that one child that floods does not keep us from the others

}  // namespace

Child::Child(Spawned spawned, const Command& command)
    : m_pid(spawned.pid),
      m_own_group(spawned.own_group),
      m_pidfd(std::move(spawned.pidfd)),
      m_in(std::move(spawned.in)),
      m_out{std::move(spawned.out), {}, "standard output"},
      m_err{std::move(spawned.err), {}, "standard error"},
      m_program(command.argv.front()),
      m_input(command.input),
      m_input_follows(command.input_follows) {
  write_input();  // most inputs fit into the pipe at once
}

Child::~Child() {
  try {
    end();
  } catch (...) {
    // nobody to tell; end() throws only when there is no memory for what is to be read
  }
  explicit_bzero(m_input.data(), m_input.size());
}

void Child::watch(std::vector<pollfd>& list) const {
  list.push_back({m_pidfd.get(), POLLIN, 0});
  list.push_back({m_out.fd.get(), POLLIN, 0});
  list.push_back({m_err.fd.get(), POLLIN, 0});
  const bool has_input = m_fed < m_input.size();
  list.push_back({has_input ? m_in.get() : -1, POLLOUT, 0});
}

bool Child::handle(std::span<const pollfd> ready) {
  if (m_finished) return true;  // several can wait for one child
  bool news = false;
  if (ready[1].revents != 0) news |= read_some(m_out, read_at_once);
  if (ready[2].revents != 0) news |= read_some(m_err, read_at_once);
  if (ready[3].revents != 0) write_input();
  if (ready[0].revents != 0) {
    reap();
    news = true;
  }
  return news;
}

bool Child::read_some(Stream& stream, std::size_t most) {
  std::array<char, 65536> buffer;
  std::size_t total = 0;
  while (stream.fd && total < most) {
    const ssize_t count = ::read(stream.fd.get(), buffer.data(), std::min(buffer.size(), most - total));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    if (count <= 0) {
      stream.fd.reset();
      break;
    }
    total += static_cast<std::size_t>(count);
    if (m_discard) continue;
    if (stream.text.size() + static_cast<std::size_t>(count) > most_unread) {
      throw Error(ExitCode::failure, m_program + ": more than 64 MiB on its " + std::string(stream.name));
    }
    stream.text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return total > 0;
}

/// What is in the pipe now, and no more: a grandchild may hold it open and go on writing.
void Child::read_rest(Stream& stream) {
  int waiting = 0;
  if (stream.fd && ::ioctl(stream.fd.get(), FIONREAD, &waiting) == 0 && waiting > 0) {
    read_some(stream, static_cast<std::size_t>(waiting));
  }
  stream.fd.reset();
}

void Child::feed(std::string rest) {
  m_input += rest;
  explicit_bzero(rest.data(), rest.size());
  m_input_follows = false;
  write_input();
}

void give_input(Process& process, std::string_view more) {
  auto* const child = dynamic_cast<Child*>(&process);
  if (child == nullptr) throw std::logic_error("only a child has an input");
  child->give(more);
}

std::size_t untaken_input(const Process& process) {
  const auto* const child = dynamic_cast<const Child*>(&process);
  if (child == nullptr) throw std::logic_error("only a child has an input");
  return child->untaken();
}

void Child::give(std::string_view more) {
  if (m_finished || !m_in) return;
  m_input.erase(0, m_fed);
  m_fed = 0;
  m_input += more;
  write_input();
}

void Child::write_input() {
  while (m_in && m_fed < m_input.size()) {
    const ssize_t count = ::write(m_in.get(), m_input.data() + m_fed, m_input.size() - m_fed);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) break;  // EPIPE: it does not want to know the rest
    m_fed += static_cast<std::size_t>(count);
  }
  if (m_input_follows && m_fed == m_input.size()) return;
  m_in.reset();
  explicit_bzero(m_input.data(), m_input.size());
  m_input.clear();
  m_fed = 0;
}

void Child::reap() {
  int status = 0;
  while (::waitpid(m_pid, &status, 0) < 0) {
    if (errno != EINTR) break;
  }
  m_finished = true;
  m_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  m_pidfd.reset();
  m_in.reset();
  read_rest(m_out);
  read_rest(m_err);
}

bool Child::ended_within(Duration patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  std::vector<pollfd> list;
  while (true) {
    const auto left = std::chrono::ceil<Duration>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    list.clear();
    watch(list);
    if (::poll(list.data(), list.size(), static_cast<int>(left.count())) < 0) continue;  // EINTR
    if (list[0].revents != 0) return true;
    // a child that has much to say before it goes must not be stuck in a full pipe
    if (list[1].revents != 0) read_some(m_out, read_at_once);
    if (list[2].revents != 0) read_some(m_err, read_at_once);
  }
}

/// To all of its group; one that shares ours is alone.
void Child::kill(int signal) const { ::kill(m_own_group ? -m_pid : m_pid, signal); }

void Child::end() {
  if (m_finished) return;
  m_discard = true;
  m_in.reset();
  kill(SIGTERM);
  kill(SIGCONT);
  ended_within(term_patience);
  kill(SIGKILL);  // it has not been reaped, so the number still is this group's
  reap();
}

}  // namespace raibid
