#include "tools/api_runner.hpp"

#include "base/strings.hpp"
#include "sys/timeline.hpp"
#include "tools/api_call.hpp"
#include "tools/api_request.hpp"
#include "tools/api_stream.hpp"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>

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
  if (!command.api) return start_child(command);
  m_runner.wait({}, m_runner.now());  // a signal that has come ends this, as it does before a child is started
  if (command.api->stream) return std::make_unique<ApiStream>(*this, proxy_for(*command.api), command);
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
    std::unique_ptr<Process> process = start_child(command);
    m_helper_starts = false;
    return process;
  } catch (...) {
    m_helper_starts = false;
    throw;
  }
}

namespace {

std::string name_of(const std::string& program) { return program.substr(program.rfind('/') + 1); }

/// Of any other program only its name is shown: its arguments are the user's.
bool is_one_of_ours(const Command& command) {
  return !command.argv.empty() &&
         is_one_of(name_of(command.argv.front()), {"helm", "kubectl", "redis-server", "valkey-server", "haproxy"});
}

/// The user's --set without a value that may be a secret, whatever the chart calls it.
std::vector<std::string> without_secrets(std::vector<std::string> words) {
  for (std::size_t at = 1; at < words.size(); ++at) {
    if (!words[at - 1].starts_with("--set")) continue;
    const std::size_t equals = words[at].find('=');
    const std::string key = to_lower(words[at].substr(0, equals));
    const bool may_be_secret = key.find("pass") != std::string::npos || key.find("secret") != std::string::npos ||
                               key.find("token") != std::string::npos || key.find("key") != std::string::npos;
    if (equals != std::string::npos && may_be_secret) words[at].replace(equals + 1, std::string::npos, "***");
  }
  return words;
}

/// A line to type again; what goes through standard input is not in it.
std::string whole_line(const Command& command) {
  if (!is_one_of_ours(command)) return command.argv.empty() ? "?" : name_of(command.argv.front());
  return shell_join(without_secrets(command.argv)) + (command.input.empty() ? "" : " < …");
}

/// Without what all have in common.
std::string shown_on_timeline(const Command& command) {
  if (!is_one_of_ours(command)) return whole_line(command);
  std::vector<std::string> words = without_secrets(command.argv);
  words.front() = name_of(words.front());
  for (std::size_t i = 1; i + 1 < words.size() && words[i].starts_with('-');) {
    if (is_one_of(words[i], {"--kubeconfig", "--context", "--kube-context", "-n"})) {
      words.erase(words.begin() + static_cast<std::ptrdiff_t>(i), words.begin() + static_cast<std::ptrdiff_t>(i) + 2);
    } else if (words[i].starts_with("--request-timeout=")) {
      words.erase(words.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      break;
    }
  }
  return shell_join(words);
}

}  // namespace

std::unique_ptr<Process> ApiRunner::start_child(const Command& command) {
  std::unique_ptr<Process> process = m_runner.start(command);
  if (m_timeline != nullptr)
    m_recorded[process.get()] =
        m_timeline->begin(Timeline::Kind::program, shown_on_timeline(command), whole_line(command));
  return process;
}

bool ApiRunner::wait(std::span<Process* const> processes, TimePoint until) {
  std::vector<Process*> all(processes.begin(), processes.end());
  for (ApiStream* const stream : m_streams) {
    if (stream->comes_up() && std::find(all.begin(), all.end(), stream) == all.end()) all.push_back(stream);
  }
  const bool news = m_runner.wait(all, until);
  for (const Process* process : processes) {
    const auto recorded = m_recorded.find(process);
    if (recorded == m_recorded.end() || !process->finished()) continue;
    m_timeline->end(recorded->second, process->status() == 0 ? "" : fmt::format("exit code {}", process->status()));
    m_recorded.erase(recorded);
  }
  return news;
}

void ApiRunner::record(Timeline* timeline) {
  m_timeline = timeline;
  m_recorded.clear();
}

void ApiRunner::tell_of_fallback(const KubectlProxy& proxy) {
  if (std::exchange(m_told, true) || !m_teller) return;
  m_teller(
      fmt::format("kubectl proxy cannot be used ({}): each question starts a kubectl of its own, which takes longer",
                  printable(proxy.why_gone())));
}

}  // namespace raibid
