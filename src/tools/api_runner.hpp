#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sys/process.hpp"
#include "tools/kubectl_proxy.hpp"

namespace raibid {

/// The Runner of a real run: what a Command asks of the Kubernetes API (Command::api) goes as HTTP through one kubectl
/// proxy, started at the first need and ended with this object; all else is the other Runner's. Where the proxy cannot
/// be had, such a Command is the kubectl that its argv says, and one line tells so.
class ApiRunner final : public Runner {
 public:
  /// `runner` must make Polled processes (SystemRunner). `temporary`: where the proxy's folder is made.
  ApiRunner(Runner& runner, fs::path temporary);
  ~ApiRunner() override;
  ApiRunner(const ApiRunner&) = delete;
  ApiRunner& operator=(const ApiRunner&) = delete;

  std::unique_ptr<Process> start(const Command& command) override;
  bool wait(std::span<Process* const> processes, TimePoint until) override;
  TimePoint now() const override { return m_runner.now(); }
  void tell(Teller teller) override { m_teller = std::move(teller); }
  void record(Timeline* timeline) override;

 private:
  friend class ApiCall;
  friend class ApiStream;
  KubectlProxy& proxy_for(const ApiRequests& requests);
  /// Starts a child of ours that is not part of what this run does, so that nobody has to hear of it.
  std::unique_ptr<Process> start_helper(const Command& command);
  void tell_of_fallback(const KubectlProxy& proxy);
  /// Starts a child, and writes it down when there is a timeline.
  std::unique_ptr<Process> start_child(const Command& command);

  /// What the proxies are started with.
  class Helpers final : public Runner {
   public:
    explicit Helpers(ApiRunner& owner) : m_owner(owner) {}
    std::unique_ptr<Process> start(const Command& command) override { return m_owner.start_helper(command); }
    bool wait(std::span<Process* const> processes, TimePoint until) override { return m_owner.wait(processes, until); }
    TimePoint now() const override { return m_owner.now(); }

   private:
    ApiRunner& m_owner;
  };

  Runner& m_runner;
  Helpers m_helpers{*this};
  fs::path m_temporary;
  std::map<std::vector<std::string>, std::unique_ptr<KubectlProxy>> m_proxies;  ///< by the flags for the cluster
  Teller m_teller;
  Timeline* m_timeline = nullptr;
  std::map<const Process*, std::size_t> m_recorded;  ///< children on the timeline that have not ended
  std::vector<class ApiStream*> m_streams;           ///< that live; they come up while anything is waited for
  bool m_helper_starts = false;
  bool m_told = false;
};

}  // namespace raibid
