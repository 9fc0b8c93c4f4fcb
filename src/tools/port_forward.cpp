#include "tools/port_forward.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "tools/diagnosis.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <string_view>
#include <utility>

namespace raibid {

namespace {

constexpr std::string_view listening = "Forwarding from 127.0.0.1:";

/// The local port of "Forwarding from 127.0.0.1:33777 -> 6379"; 0 for another line.
int local_port_of(std::string_view line) {
  if (!line.starts_with(listening)) return 0;
  line.remove_prefix(listening.size());
  int port = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), port);
  return error == std::errc() && std::string_view(end, line.data() + line.size()).starts_with(" -> ") ? port : 0;
}

}  // namespace

PortForward::PortForward(Runner& runner, const Kubectl& kubectl, std::string pod, int remote_port, int local_port)
    : m_runner(runner),
      m_kubectl(kubectl),
      m_pod(std::move(pod)),
      m_remote_port(remote_port),
      m_local_port(local_port) {}

void PortForward::ensure() {
  if (!finished()) return;
  port();  // what the last one said when it ended
  m_listening = false;
  const bool needs_port = !m_stream || m_local_port != 0;
  m_process = m_runner.start(needs_port ? m_kubectl.port_forward(m_pod, m_remote_port, m_local_port)
                                        : m_kubectl.pod_stream(m_pod, m_remote_port));
}

PodWay* PortForward::way() {
  auto* const way = dynamic_cast<PodWay*>(m_process.get());
  return way != nullptr && way->is_open() && !m_process->finished() ? way : nullptr;
}

int PortForward::port() {
  if (!m_process) return 0;
  if (way() != nullptr) return m_remote_port;
  // each connection makes a line: a port-forward that stays must not collect them
  for (const std::string& line : take_lines(m_process->out())) {
    const int local = local_port_of(line);
    if (local == 0) continue;
    m_local_port = local;
    m_listening = true;
  }
  if (!m_process->finished()) return m_listening ? m_local_port : 0;
  if (!m_process->err().empty())
    m_last_error = failure_reason({m_process->status(), {}, std::exchange(m_process->err(), {}), false});
  return 0;
}

int PortForward::wait_ready(TimePoint deadline) {
  ensure();
  const std::array<Process*, 1> processes = {m_process.get()};
  for (;;) {
    if (m_process->finished()) {
      const Output output{m_process->status(), {}, m_process->err(), false};
      port();
      throw Kubectl::explain(m_kubectl.port_forward(m_pod, m_remote_port, m_local_port), output);
    }
    if (const int local = port(); local != 0) return local;
    if (!m_runner.wait(processes, deadline)) {
      throw Error(ExitCode::failure,
                  fmt::format("kubectl port-forward to pod {} did not begin to listen in time", m_pod),
                  "--timeout gives it longer.");
    }
  }
}

}  // namespace raibid
