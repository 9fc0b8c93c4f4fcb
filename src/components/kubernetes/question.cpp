#include "components/kubernetes/question.hpp"

#include <utility>

namespace raibid {

void Question::ask(const Command& command) {
  m_command = command;
  m_process = m_runner.start(command);
  m_asked_at = m_clock.now();
}

Duration Question::age() const {
  return m_asked_at ? std::chrono::duration_cast<Duration>(m_clock.now() - *m_asked_at) : Duration::max();
}

std::optional<Output> Question::take() {
  if (!m_process) return std::nullopt;
  const bool late = !m_process->finished() && age() >= m_patience;
  if (!m_process->finished() && !late) return std::nullopt;
  if (late) m_process->end();
  Output output{m_process->status(), std::move(m_process->out()), std::move(m_process->err()), late,
                m_process->failures()};
  m_process.reset();
  return output;
}

}  // namespace raibid
