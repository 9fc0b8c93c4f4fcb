#include "components/redis/commands/logs.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/place/place.hpp"
#include "sys/foreground.hpp"
#include "sys/signals.hpp"

namespace raibid {

std::vector<OptionSpec> logs_options() {
  return {{.name = "follow",
           .help = "Go on with what comes, until Ctrl-C",
           .kind = OptionKind::flag,
           .letter = 'f',
           .flag_only = true},
          {.name = "previous",
           .help = "Of the container that ended before this one",
           .kind = OptionKind::flag,
           .letter = 'p',
           .flag_only = true},
          {.name = "tail",
           .help = "Only so many lines from the end",
           .kind = OptionKind::integer,
           .metavar = "LINES",
           .flag_only = true}};
}

CommandResult logs_redis(Context& context, const std::vector<std::string>&) {
  LogLines lines{.follow = context.settings.flag("follow"), .previous = context.settings.flag("previous")};
  if (context.settings.is_set("tail")) {
    constexpr std::int64_t most = 10'000'000;
    const std::int64_t last = context.settings.integer("tail");
    if (last < 0 || last > most)
      throw Error(ExitCode::usage, fmt::format("--tail must be between 0 and {}", most), "leave it out for all lines");
    lines.last = static_cast<int>(last);
  }
  const auto [place, settings] = open_recorded(context, NeedsPreset::no);
  const Command command = place->logs(lines);
  if (context.guard.dry_run()) return told(fmt::format("Would run {}\n", shell_join(command.argv)));
  return {"", run_foreground(context.guard, command, context.signals, [] {})};
}

}  // namespace raibid
