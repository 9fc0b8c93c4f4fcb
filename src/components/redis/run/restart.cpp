#include "components/redis/run/restart.hpp"

#include <fmt/format.h>

#include "base/strings.hpp"
#include "components/redis/run/agree.hpp"
#include "components/redis/settings/record.hpp"
#include "ui/reporter.hpp"

namespace raibid {

std::string less_memory_hint(const Context& context) {
  return "let the workers catch up and trim the queue first, or give it more with --memory-limit; how full it is: " +
         context.scope().command("status redis");
}

namespace {

void ask_in_setup(Context& context, const std::string& what, const std::string& flag) {
  const std::string flags = setup_flags(context);
  ask_first(context, what, context.scope().command("setup redis", flags + (flags.empty() ? "" : " ") + flag));
}

}  // namespace

void agree_to_restart(Context& context, const std::vector<std::string>& reasons) {
  if (context.settings.flag("yes") || context.settings.flag("restart")) return;
  ask_in_setup(context, "this change restarts Redis: " + join(reasons, ", "), "--restart");
}

void agree_to_other_user(Context& context, const std::string& before) {
  if (context.settings.flag("yes")) return;
  ask_in_setup(context, fmt::format("clients that log in as {} will be refused when they connect again", before),
               "--yes");
}

void agree_to_refused_clients(Context& context, const std::string& which) {
  if (context.settings.flag("yes")) return;
  ask_in_setup(context, which + " will be refused when they connect again", "--yes");
}

void say_what_is_kept(const Context& context, const Told& told, bool of_revision) {
  const std::string kept = kept_from_record(context, told);
  if (kept.empty()) return;
  if (of_revision) {
    context.reporter.note("as in that revision: " + kept);
  } else {
    context.reporter.note(fmt::format("kept from an earlier setup: {}; --reset goes back to the preset", kept));
  }
}

}  // namespace raibid
