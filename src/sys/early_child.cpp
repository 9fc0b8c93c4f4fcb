#include "sys/early_child.hpp"

#include <string.h>

#include <utility>

namespace raibid {

EarlyChild::EarlyChild(Runner& runner, Command command) : m_command(std::move(command)) {
  m_input = std::move(m_command.input);
  m_command.input.clear();
  m_command.input_follows = true;
  m_process = runner.start(m_command);
}

EarlyChild::~EarlyChild() { explicit_bzero(m_input.data(), m_input.size()); }

std::unique_ptr<Process> EarlyChild::act() {
  if (!m_process->finished()) m_process->feed(std::move(m_input));
  return std::move(m_process);
}

}  // namespace raibid
