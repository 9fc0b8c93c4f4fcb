#include "tools/api_stream.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "tools/api_runner.hpp"
#include "tools/pod_transport.hpp"
#include "tools/web_socket.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace raibid {

namespace {

constexpr std::string_view end_of_headers = "\r\n\r\n";
constexpr std::size_t longest_answer = 64u << 10;
constexpr Duration answer_patience = std::chrono::seconds(5);

/// "pod raibid-redis-master-0" of ".../pods/raibid-redis-master-0/portforward?ports=6379".
std::string pod_in(const std::string& path) {
  const std::vector<std::string> parts = split(path, '/');
  const auto at = std::find(parts.begin(), parts.end(), "pods");
  return at == parts.end() || at + 1 == parts.end() ? "the pod" : "pod " + *(at + 1);
}

/// The value of a header, "" when it is not there.
std::string header_of(const std::string& answer, const std::string& name) {
  for (const std::string& line : split(answer, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon != std::string::npos && to_lower(line.substr(0, colon)) == name)
      return std::string(trim(line.substr(colon + 1)));
  }
  return "";
}

}  // namespace

ApiStream::ApiStream(ApiRunner& runner, KubectlProxy& proxy, const Command& command, bool may_be_kubectl)
    : m_runner(runner), m_proxy(proxy), m_command(command), m_may_be_kubectl(may_be_kubectl) {
  m_runner.m_streams.push_back(this);
  m_proxy.state();  // starts it when this is the first need
  advance();
}

ApiStream::~ApiStream() { std::erase(m_runner.m_streams, this); }

bool ApiStream::finished() const {
  if (m_instead) return m_instead->finished();
  return m_finished || *m_broken;
}

void ApiStream::end() {
  if (m_instead) return m_instead->end();
  m_connection = UniqueFd();
  m_finished = true;
}

void ApiStream::watch(std::vector<pollfd>& list) const {
  if (m_instead) return dynamic_cast<Polled&>(*m_instead).watch(list);
  m_proxy.watch(list);
  if (m_connection && !m_open) {
    const bool unsent = m_sent < m_request.size();
    list.push_back({m_connection.get(), static_cast<short>(unsent ? POLLOUT : POLLIN), 0});
  }
}

bool ApiStream::handle(std::span<const pollfd> ready) {
  if (finished()) return true;
  if (m_instead) return dynamic_cast<Polled&>(*m_instead).handle(ready);
  m_proxy.handle(ready.first(KubectlProxy::polled));
  if (m_open) return false;
  return advance();
}

TimePoint ApiStream::due() const {
  if (m_instead) return dynamic_cast<Polled&>(*m_instead).due();
  if (m_open || m_finished) return TimePoint::max();
  return m_connection ? m_until : m_proxy.due();
}

/// True when it is open, or has ended, or is a kubectl from now on.
bool ApiStream::advance() {
  if (m_open || m_finished) return true;
  if (!m_connection) {
    const KubectlProxy::State state = m_proxy.state();
    if (state == KubectlProxy::State::starting) return false;
    if (state == KubectlProxy::State::gone) return refused(m_proxy.why_gone());
    m_connection = m_proxy.connect();
    if (!m_connection) {
      m_proxy.start();
      return false;
    }
    m_key = web_socket_key();
    m_request = fmt::format(
        "GET {}{} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: raibid-cli/{}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n"
        "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n",
        m_command.api->prefix, m_command.api->requests.front().path, RAIBID_VERSION, m_key);
    m_until = m_runner.now() + answer_patience;
  }
  send();
  receive();
  const std::size_t end = m_received.find(end_of_headers);
  if (end == std::string::npos) {
    if (!m_connection) return refused("it closed the connection");
    if (m_received.size() > longest_answer || m_runner.now() >= m_until) return refused("it did not answer");
    return false;
  }
  const std::string answer = m_received.substr(0, end);
  m_received.erase(0, end + end_of_headers.size());
  if (!answer.starts_with("HTTP/1.1 101 ") || header_of(answer, "sec-websocket-accept") != web_socket_accept(m_key))
    return refused(std::string(trim(answer.substr(0, answer.find('\r')))));
  m_open = true;
  return true;
}

bool ApiStream::refused(const std::string& why) {
  m_connection = UniqueFd();
  if (m_may_be_kubectl) {
    m_instead = m_runner.start_child(m_command);
    return false;
  }
  m_err = why;
  m_finished = true;
  return true;
}

void ApiStream::send() {
  while (m_sent < m_request.size()) {
    const ssize_t count =
        ::send(m_connection.get(), m_request.data() + m_sent, m_request.size() - m_sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return;  // not now; or never, and then reading says so
    m_sent += static_cast<std::size_t>(count);
  }
}

void ApiStream::receive() {
  std::array<char, 16 << 10> buffer;
  for (;;) {
    const ssize_t count = ::recv(m_connection.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      m_connection = UniqueFd();
      return;
    }
    m_received.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

std::unique_ptr<Transport> ApiStream::connect(TimePoint deadline) {
  const std::string where = "Redis in " + pod_in(m_command.api->requests.front().path);
  if (m_connection) return pod_transport(std::move(m_connection), std::exchange(m_received, {}), where, m_broken);
  ApiStream another(m_runner, m_proxy, m_command, false);
  Process* const process = &another;
  while (!another.m_open && !another.m_finished) {
    if (!m_runner.wait({&process, 1}, deadline)) another.refused("it did not answer in time");
  }
  if (!another.m_open)
    throw Error(ExitCode::failure, fmt::format("cannot connect to {}: {}", where, printable(another.m_err)));
  return pod_transport(std::move(another.m_connection), another.m_received, where, m_broken);
}

}  // namespace raibid
