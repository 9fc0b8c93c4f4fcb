#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sys/polled.hpp"
#include "tools/api_request.hpp"
#include "tools/http_exchange.hpp"
#include "tools/kubectl_proxy.hpp"

namespace raibid {

class ApiRunner;

/// A Command's requests to the API, as a Process: its output is what kubectl would say, its failures are the API's own.
class ApiCall final : public Polled {
 public:
  ApiCall(ApiRunner& runner, KubectlProxy& proxy, const Command& command);
  ~ApiCall() override;

  bool finished() const override { return m_instead ? m_instead->finished() : m_finished; }
  int status() const override { return m_instead ? m_instead->status() : m_status; }
  std::string& out() override { return m_instead ? m_instead->out() : m_out; }
  std::string& err() override { return m_instead ? m_instead->err() : m_err; }
  std::vector<ApiFailure> failures() const override { return m_failures; }
  void feed(std::string rest) override;
  void end() override;

  void watch(std::vector<pollfd>& list) const override;
  bool handle(std::span<const pollfd> ready) override;
  TimePoint due() const override;

 private:
  /// One of the requests, on its way.
  struct Asked {
    const ApiRequest* request;
    std::unique_ptr<HttpExchange> exchange{};
    TimePoint until{};
    bool again = false;  ///< this is the second try, after a connection that broke
    bool settled = false;
    std::optional<std::string> found{};
    std::optional<ApiFailure> failure{};
    std::vector<std::string> warnings{};
    std::string next_path{};  ///< what is asked next, by GET: the watch behind its list, the look behind a deletion
    std::string deleted{};    ///< the uid of the object that is to go, once the API has taken the deletion
    TimePoint not_before{};   ///< of the next look whether it is gone
    std::optional<std::size_t> on_timeline{};
  };

  bool advance();
  void harvest(Asked& one);
  void settle(Asked& one);
  void await_end_of(Asked& one);
  void begin_watch(Asked& one);
  void settle_look(Asked& one);
  void broke_off(Asked& one, const std::string& why, bool may_try_again);
  bool launch();
  bool watches(const Asked& one) const { return m_api.answer == ApiAnswer::events && !one.next_path.empty(); }
  bool may_repeat() const { return m_command.repeatable || m_command.only_reads; }
  std::string text_of(const Asked& one) const;
  bool run_instead();
  bool finish();
  std::string composed() const;

  ApiRunner& m_runner;
  KubectlProxy& m_proxy;
  Command m_command;
  const ApiRequests& m_api;
  std::list<Asked> m_asked;
  std::unique_ptr<Process> m_own_version;  ///< `kubectl version --client`, for ApiAnswer::version
  std::unique_ptr<Process> m_instead;      ///< kubectl itself, where there is no proxy
  std::string m_input;
  std::string m_out, m_err;
  std::vector<ApiFailure> m_failures;
  TimePoint m_gone_by = TimePoint::max();
  int m_status = 0;
  bool m_waits_for_input = false;
  bool m_acted = false;  ///< a request that changes something may have arrived
  bool m_finished = false;
};

}  // namespace raibid
