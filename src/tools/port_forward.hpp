#pragma once

#include <memory>
#include <string>

#include "sys/process.hpp"
#include "tools/kubectl.hpp"
#include "tools/pod_way.hpp"

namespace raibid {

/// A `kubectl port-forward` to a pod (or to one of "deployment/NAME"), kept as long as the object lives. kubectl ends
/// it when the container restarts or refuses a connection; `ensure` then starts another on the same local port.
class PortForward {
 public:
  PortForward(Runner& runner, const Kubectl& kubectl, std::string pod, int remote_port, int local_port = 0);

  /// A connection is enough, and no port of this machine is needed: the API gives it where it can.
  void prefer_stream() { m_stream = true; }
  /// By the API; nullptr while there is none, and where it is a kubectl.
  PodWay* way();

  /// Starts it when it is not running. Does not wait.
  void ensure();

  /// The local port once kubectl says that it listens, or the pod's once there is a way(), else 0. Reads what the child
  /// has said; call after Runner::wait.
  int port();

  /// Waits until it listens. Throws Error (failure) with kubectl's words when it cannot.
  int wait_ready(TimePoint deadline);

  /// For Runner::wait; never null after `ensure`.
  Process* process() { return m_process.get(); }
  bool finished() const { return !m_process || m_process->finished(); }
  /// What kubectl said last on stderr.
  const std::string& last_error() const { return m_last_error; }

 private:
  Runner& m_runner;
  const Kubectl& m_kubectl;
  std::string m_pod;
  int m_remote_port;
  int m_local_port;
  bool m_listening = false;
  bool m_stream = false;
  std::string m_last_error;
  std::unique_ptr<Process> m_process;
};

}  // namespace raibid
