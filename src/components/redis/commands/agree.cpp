#include "components/redis/commands/agree.hpp"

#include <optional>

#include "base/error.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

void agree(Context& context, const std::string& what, const char* command, const std::string& flags) {
  if (context.settings.flag("yes") || context.guard.dry_run()) return;
  const std::optional<bool> answer = context.reporter.confirm(what + ". Go on?");
  context.signals.check();  // Ctrl-C at the question is no answer
  if (answer && *answer) return;
  if (answer) throw Error(ExitCode::failure, "nothing was changed");
  throw Error(ExitCode::failure, what + "; there is no terminal to ask on, and nothing was changed",
              "to do it: " + context.scope().command(command, flags + " --yes"));
}

}  // namespace raibid
