#pragma once

#include <poll.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sys/files.hpp"
#include "sys/polled.hpp"
#include "sys/unique_fd.hpp"

namespace raibid {

/// One `kubectl proxy` that listens on a Unix socket in a folder of its own (0700) and passes HTTP on to the cluster of
/// a kubeconfig: one login for all requests. It serves no TCP port, and its filter stays on. It dies with us.
class KubectlProxy {
 public:
  /// `kubectl`: the program with the flags that choose the cluster. `temporary`: where the folder is made.
  KubectlProxy(Runner& runner, std::vector<std::string> kubectl,
               std::vector<std::pair<std::string, std::string>> environment, fs::path temporary);

  enum class State { starting, ready, gone };
  /// `gone` is for good: see why_gone.
  State state();
  const std::string& why_gone() const { return m_why_gone; }
  /// When `state` may have changed even if the child says nothing.
  TimePoint due() const;

  /// Starts it; again when it has died, a few times. Throws Error (preflight) when there is no kubectl.
  void start();

  /// Adds the places of the child to a list for poll: what it says must be read, or it stops in the end.
  void watch(std::vector<pollfd>& list) const;
  static constexpr std::size_t polled = 4;
  void handle(std::span<const pollfd> ready);

  /// A connection that does not block; nothing when nobody listens any more.
  UniqueFd connect();
  /// One that can serve another request.
  void give_back(UniqueFd connection);

 private:
  void give_up(std::string why);
  std::string socket_path() const { return (m_folder->path() / "api").string(); }

  Runner& m_runner;
  std::vector<std::string> m_kubectl;
  std::vector<std::pair<std::string, std::string>> m_environment;
  fs::path m_temporary;
  std::optional<TemporaryDirectory> m_folder;  ///< outlives the child, which has its socket in it
  std::unique_ptr<Process> m_child;
  Polled* m_polled = nullptr;  ///< the same, for poll
  std::vector<UniqueFd> m_idle;
  TimePoint m_ready_by{};
  int m_starts = 0;
  bool m_ready = false;
  bool m_gone = false;
  std::string m_why_gone;
};

}  // namespace raibid
