#include "components/redis/commands/status/status.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "plan/journal.hpp"
#include "ui/reporter.hpp"

namespace raibid {

void throw_not_installed(const std::string& subject) {
  throw Error(ExitCode::not_installed, subject + " is not installed", "install it: raibid-cli setup redis");
}

int mention_unfinished(const Context& context) {
  int count = 0;
  for (const JournalHeader& header : Journal::unfinished(context.paths.journal())) {
    context.reporter.warning(
        fmt::format("{} of {} ({}) did not come to its end: the next setup or teardown of it undoes or finishes that",
                    header.operation, header.started, header.subject));
    ++count;
  }
  return count;
}

}  // namespace raibid
