#include "components/redis/run/agree.hpp"

#include <optional>

#include "base/error.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

void ask_first(Context& context, const std::string& what, const std::string& by_hand) {
  const std::optional<bool> answer = context.reporter.confirm(what + ". Go on?");
  context.signals.check();  // Ctrl-C at the question is no answer
  if (answer && *answer) return;
  if (answer) throw Error(ExitCode::failure, "nothing was changed");
  throw Error(ExitCode::usage, what + "; there is no terminal to ask on, and nothing was changed",
              "to do it: " + by_hand);
}

void agree(Context& context, const std::string& what, const char* command, const std::string& flags) {
  if (context.settings.flag("yes") || context.guard.dry_run()) return;
  ask_first(context, what, context.scope().command(command, flags + " --yes"));
}

}  // namespace raibid
