#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sys/polled.hpp"
#include "tools/api_request.hpp"
#include "tools/kubectl_proxy.hpp"
#include "tools/pod_way.hpp"

namespace raibid {

class ApiRunner;

/// A Command's request that becomes a WebSocket (ApiRequests::stream), as a Process that runs until the connection
/// breaks. Where the API does not give one, it is the kubectl that the Command says.
class ApiStream final : public Polled, public PodWay {
 public:
  ApiStream(ApiRunner& runner, KubectlProxy& proxy, const Command& command, bool may_be_kubectl = true);
  ~ApiStream() override;
  ApiStream(const ApiStream&) = delete;
  ApiStream& operator=(const ApiStream&) = delete;

  /// There is something to do for whoever waits.
  bool comes_up() const { return !m_open && !m_finished && !m_instead; }

  bool finished() const override;
  int status() const override { return m_instead ? m_instead->status() : 1; }
  std::string& out() override { return m_instead ? m_instead->out() : m_out; }
  std::string& err() override { return m_instead ? m_instead->err() : m_err; }
  void feed(std::string) override {}
  void end() override;

  void watch(std::vector<pollfd>& list) const override;
  bool handle(std::span<const pollfd> ready) override;
  TimePoint due() const override;

  bool is_open() const override { return m_open; }
  std::unique_ptr<Transport> connect(TimePoint deadline) override;

 private:
  bool advance();
  bool refused(const std::string& why);
  void send();
  void receive();

  ApiRunner& m_runner;
  KubectlProxy& m_proxy;
  Command m_command;
  bool m_may_be_kubectl;
  std::unique_ptr<Process> m_instead;
  UniqueFd m_connection;
  std::string m_key, m_request, m_received;
  std::size_t m_sent = 0;
  TimePoint m_until{};
  std::shared_ptr<bool> m_broken = std::make_shared<bool>(false);
  std::string m_out, m_err;
  bool m_open = false, m_finished = false;
};

}  // namespace raibid
