#include "tools/kubectl_proxy.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "tools/diagnosis.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace raibid {

namespace {

constexpr std::string_view serving = "Starting to serve on ";
/// It is up after 0.1 to 0.2 s.
constexpr Duration start_patience = std::chrono::seconds(15);
/// One that dies again and again is no help.
constexpr int most_starts = 4;
constexpr std::size_t most_words = 8192;

/// A server closes what is idle: then there is an end to read. (Or something that nobody asked for.)
bool is_open(const UniqueFd& connection) {
  char byte = 0;
  return ::recv(connection.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR);
}

}  // namespace

KubectlProxy::KubectlProxy(Runner& runner, std::vector<std::string> kubectl,
                           std::vector<std::pair<std::string, std::string>> environment, fs::path temporary)
    : m_runner(runner),
      m_kubectl(std::move(kubectl)),
      m_environment(std::move(environment)),
      m_temporary(std::move(temporary)) {}

void KubectlProxy::start() {
  if (m_gone) return;
  if (m_starts == most_starts) return give_up("it ended again and again");
  m_ready = false;
  m_idle.clear();
  m_polled = nullptr;
  m_child.reset();
  try {
    m_folder.emplace(m_temporary, "api");
  } catch (const Error& error) {
    return give_up(error.message());
  }
  if (socket_path().size() >= sizeof(sockaddr_un::sun_path))
    return give_up(m_temporary.string() + " is too long a path");
  Command command{m_kubectl, {}, m_environment};
  command.argv.insert(command.argv.end(), {"proxy", "--unix-socket=" + socket_path()});
  command.only_reads = true;  // what is asked through it has passed the guard
  ++m_starts;
  m_child = m_runner.start(command);
  m_polled = &dynamic_cast<Polled&>(*m_child);
  m_ready_by = m_runner.now() + start_patience;
}

KubectlProxy::State KubectlProxy::state() {
  if (m_gone) return State::gone;
  if (!m_child) start();
  if (m_gone) return State::gone;
  if (m_ready) return State::ready;
  if (m_child->out().find(serving) != std::string::npos) {
    m_ready = true;
    return State::ready;
  }
  if (m_child->finished()) {
    const std::string words = failure_reason({m_child->status(), {}, m_child->err()});
    give_up(words.empty() ? "it ended at once" : words);
  } else if (m_runner.now() >= m_ready_by) {
    give_up("it did not begin to serve in time");
  }
  return m_gone ? State::gone : State::starting;
}

TimePoint KubectlProxy::due() const { return m_child && !m_ready && !m_gone ? m_ready_by : TimePoint::max(); }

void KubectlProxy::give_up(std::string why) {
  m_gone = true;
  m_why_gone = std::move(why);
  m_idle.clear();
  m_polled = nullptr;
  m_child.reset();
  m_folder.reset();
}

void KubectlProxy::watch(std::vector<pollfd>& list) const {
  const std::size_t before = list.size();
  if (m_polled != nullptr && !m_polled->finished()) m_polled->watch(list);
  list.resize(before + polled, pollfd{-1, 0, 0});
}

void KubectlProxy::handle(std::span<const pollfd> ready) {
  if (m_polled == nullptr || m_polled->finished()) return;
  m_polled->handle(ready);
  if (m_ready) m_child->out().clear();
  // a line for each request that failed
  if (std::string& words = m_child->err(); words.size() > most_words) words.erase(0, words.size() - most_words);
}

UniqueFd KubectlProxy::connect() {
  while (!m_idle.empty()) {
    UniqueFd idle = std::move(m_idle.back());
    m_idle.pop_back();
    if (is_open(idle)) return idle;
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, socket_path().c_str());
  UniqueFd connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!connection) return connection;
  if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return UniqueFd();
  return connection;
}

void KubectlProxy::give_back(UniqueFd connection) {
  if (connection && m_ready) m_idle.push_back(std::move(connection));
}

}  // namespace raibid
