#include "sys/reading_runner.hpp"

#include "base/change_guard.hpp"
#include "base/strings.hpp"

namespace raibid {

std::unique_ptr<Process> ReadingRunner::start(const Command& command) {
  if (!command.only_reads) ChangeGuard(true).check("run " + shell_join(command.argv));
  return m_runner.start(command);
}

}  // namespace raibid
