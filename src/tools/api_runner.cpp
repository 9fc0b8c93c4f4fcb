#include "tools/api_runner.hpp"

#include "base/strings.hpp"
#include "tools/api_call.hpp"
#include "tools/api_request.hpp"

#include <fmt/format.h>
#include <string.h>

namespace raibid {

ApiRequests::~ApiRequests() {
  for (ApiRequest& request : requests) explicit_bzero(request.body.data(), request.body.size());
}

ApiRunner::ApiRunner(Runner& runner, fs::path temporary) : m_runner(runner), m_temporary(std::move(temporary)) {
  m_runner.observe([this](int pid, const Command& command) {
    if (m_observer && !m_helper_starts) m_observer(pid, command);
  });
}

ApiRunner::~ApiRunner() { m_runner.observe({}); }

std::unique_ptr<Process> ApiRunner::start(const Command& command) {
  if (!command.api) return m_runner.start(command);
  m_runner.wait({}, m_runner.now());  // a signal that has come ends this, as it does before a child is started
  return std::make_unique<ApiCall>(*this, proxy_for(*command.api), command);
}

KubectlProxy& ApiRunner::proxy_for(const ApiRequests& requests) {
  std::unique_ptr<KubectlProxy>& proxy = m_proxies[requests.kubectl];
  if (!proxy) proxy = std::make_unique<KubectlProxy>(m_helpers, requests.kubectl, requests.environment, m_temporary);
  return *proxy;
}

std::unique_ptr<Process> ApiRunner::start_helper(const Command& command) {
  m_helper_starts = true;
  try {
    std::unique_ptr<Process> process = m_runner.start(command);
    m_helper_starts = false;
    return process;
  } catch (...) {
    m_helper_starts = false;
    throw;
  }
}

void ApiRunner::tell_of_fallback(const KubectlProxy& proxy) {
  if (std::exchange(m_told, true) || !m_teller) return;
  m_teller(
      fmt::format("kubectl proxy cannot be used ({}): each question starts a kubectl of its own, which takes longer",
                  printable(proxy.why_gone())));
}

}  // namespace raibid
