#include "support/fake_api.hpp"

#include "base/strings.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace raibid::test {

namespace {

/// Its socket is a link to ours: connecting follows it.
constexpr auto proxy_script = R"(
case " $* " in *" config view "*) exec cat "$folder/config.json";; esac
for word; do
  case $word in
    --unix-socket=*) ln -s "$folder/server" "${word#*=}"; echo "Starting to serve on ${word#*=}"; exec sleep 1000;;
  esac
done
echo "unexpected: $*" >&2
exit 1
)";

}  // namespace

FakeApi::FakeApi(Answer answer) : m_answer(std::move(answer)), m_path_before(std::getenv("PATH")) {
  kubectl(proxy_script);
  ::setenv("PATH", (m_folder.path().string() + ":" + m_path_before).c_str(), 1);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, (m_folder.path() / "server").c_str());
  m_listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::array<int, 2> stop;
  if (::bind(m_listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(m_listener, 64) != 0 || ::pipe2(stop.data(), O_CLOEXEC) != 0)
    throw std::runtime_error("cannot listen");
  m_stop_read = stop[0];
  m_stop_write = stop[1];
  m_accepting = std::thread([this] { accept(); });
}

FakeApi::~FakeApi() {
  ::close(m_stop_write);  // its reader becomes readable
  m_accepting.join();
  for (std::thread& thread : m_threads) thread.join();
  ::close(m_stop_read);
  ::close(m_listener);
  ::setenv("PATH", m_path_before.c_str(), 1);
}

void FakeApi::kubectl(const std::string& script) {
  const fs::path file = m_folder.path() / "kubectl";
  const std::string head =
      fmt::format("#!/bin/sh\nfolder='{0}'\nlog='{0}/log'\necho \"$*\" >> \"$log\"\n", m_folder.path().string());
  write_atomic(file, head + script, 0700);
}

std::vector<ApiAsked> FakeApi::asked() const {
  const std::lock_guard lock(m_mutex);
  return m_asked;
}

std::vector<std::string> FakeApi::kubectls() const {
  std::string text = read_file(m_folder.path() / "log").value_or("");
  return take_lines(text);
}

void FakeApi::accept() {
  for (;;) {
    std::array<pollfd, 2> both = {{{m_listener, POLLIN, 0}, {m_stop_read, POLLIN, 0}}};
    if (::poll(both.data(), both.size(), -1) < 0) continue;
    if (both[1].revents != 0) return;
    const int fd = ::accept4(m_listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    ++m_connections;
    m_threads.emplace_back([this, fd] { serve(fd); });
  }
}

void FakeApi::serve(int fd) {
  Connection connection(fd, m_stop_read);
  std::string text;
  for (;;) {
    while (text.find("\r\n\r\n") == std::string::npos) {
      const std::string more = connection.read_until("\n");
      if (more.empty()) break;
      text += more;
    }
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string::npos) break;
    ApiAsked asked;
    asked.headers = text.substr(0, end);
    text.erase(0, end + 4);
    const std::vector<std::string> words = split(asked.headers.substr(0, asked.headers.find('\r')), ' ');
    asked.method = words.at(0);
    asked.path = words.at(1);
    std::size_t length = 0;
    if (const std::size_t at = asked.headers.find("Content-Length: "); at != std::string::npos)
      length = std::stoul(asked.headers.substr(at + 16));
    while (text.size() < length) {
      const std::string more = connection.read_until("}");
      if (more.empty()) break;
      text += more;
    }
    asked.body = text.substr(0, length);
    text.erase(0, length);
    {
      const std::lock_guard lock(m_mutex);
      m_asked.push_back(asked);
    }
    if (!m_answer(asked, connection)) break;
  }
  ::close(fd);
}

std::string http_answer(int code, const std::string& body, const std::string& headers) {
  return fmt::format("HTTP/1.1 {} Said\r\nContent-Type: application/json\r\n{}Content-Length: {}\r\n\r\n{}", code,
                     headers, body.size(), body);
}

std::string http_status(int code, const std::string& reason, const std::string& message, const std::string& headers) {
  const nlohmann::json status = {{"kind", "Status"},   {"apiVersion", "v1"}, {"status", "Failure"},
                                 {"message", message}, {"reason", reason},   {"code", code}};
  return http_answer(code, status.dump(), "Audit-Id: 1\r\n" + headers);
}

}  // namespace raibid::test
