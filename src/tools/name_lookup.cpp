#include "tools/name_lookup.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "sys/background.hpp"
#include "sys/descriptors.hpp"
#include "sys/system_error.hpp"
#include "sys/unique_fd.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace raibid {

namespace {

/// What the thread and we share; the last of the two frees it.
struct Question {
  std::string host;
  std::string port;
  NameLookup lookup;
  UniqueFd answered;
  std::atomic<bool> done = false;
  int error = 0;
  addrinfo* found = nullptr;

  ~Question() {
    if (found != nullptr) ::freeaddrinfo(found);
  }
};

addrinfo hints_with(int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  return hints;
}

void ask_beside(const std::shared_ptr<Question>& question) {
  start_thread([question] {
    const addrinfo hints = hints_with(0);
    question->error = question->lookup(question->host.c_str(), question->port.c_str(), &hints, &question->found);
    question->done = true;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(question->answered.get(), &one, sizeof one);
  }).detach();
}

Error not_found(const std::string& host, int error) {
  return Error(ExitCode::failure,
               fmt::format("cannot find Redis' host {}: {}", printable(host), ::gai_strerror(error)));
}

}  // namespace

Addresses look_up(const std::string& host, int port, Runner& runner, TimePoint deadline, const NameLookup& lookup) {
  const auto question = std::make_shared<Question>();
  question->host = host;
  question->port = std::to_string(port);
  addrinfo* found = nullptr;
  // an address needs no name server, so no thread
  const addrinfo numeric = hints_with(AI_NUMERICHOST);
  if (::getaddrinfo(host.c_str(), question->port.c_str(), &numeric, &found) == 0) return {found, &::freeaddrinfo};

  question->lookup = lookup;
  question->answered = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!question->answered) throw system_error(ExitCode::failure, "eventfd", errno);
  ask_beside(question);
  const TimePoint started = runner.now();
  while (!question->done) {
    if (wait_for(runner, question->answered.get(), POLLIN, deadline) == 0 && !question->done) {
      const std::chrono::duration<double> took = runner.now() - started;
      throw Error(ExitCode::failure,
                  fmt::format("cannot find Redis' host {}: no name server answered within {:.1f} s", printable(host),
                              took.count()),
                  "check whether this machine's name servers (/etc/resolv.conf) can be reached, or give an IP address");
    }
  }
  if (question->error != 0) throw not_found(host, question->error);
  return {std::exchange(question->found, nullptr), &::freeaddrinfo};
}

}  // namespace raibid
