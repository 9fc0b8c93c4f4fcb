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

struct Forwarding {
  int local = 0;
  int remote = 0;
};

/// Of "Forwarding from 127.0.0.1:33777 -> 6379"; zeros for another line.
Forwarding forwarding_of(std::string_view line) {
  constexpr std::string_view arrow = " -> ";
  if (!line.starts_with(listening)) return {};
  line.remove_prefix(listening.size());
  Forwarding found;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), found.local);
  const std::string_view rest(end, line.data() + line.size());
  if (error != std::errc() || !rest.starts_with(arrow)) return {};
  std::from_chars(rest.data() + arrow.size(), rest.data() + rest.size(), found.remote);
  return found;
}

}  // namespace

PortForward::PortForward(Runner& runner, const Kubectl& kubectl, std::string pod, int remote_port, int local_port,
                         int second_port)
    : m_runner(runner),
      m_kubectl(kubectl),
      m_pod(std::move(pod)),
      m_remote_port(remote_port),
      m_local_port(local_port),
      m_second_port(second_port) {}

void PortForward::ensure() {
  if (!finished()) return;
  port();  // what the last one said when it ended
  m_listening = false;
  m_second_local_port = 0;
  const bool needs_port = !m_stream || m_local_port != 0 || m_second_port != 0;
  m_process = m_runner.start(needs_port ? m_kubectl.port_forward(m_pod, m_remote_port, m_local_port, m_second_port)
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
    const Forwarding found = forwarding_of(line);
    if (found.local == 0) continue;
    if (m_second_port != 0 && found.remote == m_second_port) {
      m_second_local_port = found.local;
    } else {
      m_local_port = found.local;
      m_listening = true;
    }
  }
  const bool all_listen = m_listening && (m_second_port == 0 || m_second_local_port != 0);
  if (!m_process->finished()) return all_listen ? m_local_port : 0;
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
      throw Kubectl::explain(m_kubectl.port_forward(m_pod, m_remote_port, m_local_port, m_second_port), output);
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
