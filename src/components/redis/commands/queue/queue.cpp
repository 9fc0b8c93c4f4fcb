#include "components/redis/commands/queue/queue.hpp"

#include <initializer_list>

#include "components/redis/commands/export/keda.hpp"
#include "components/redis/commands/queue/add.hpp"
#include "components/redis/commands/queue/list.hpp"
#include "components/redis/commands/queue/repair.hpp"
#include "components/redis/commands/queue/repair_lag.hpp"
#include "components/redis/commands/queue/stats.hpp"
#include "components/redis/commands/queue/tail.hpp"
#include "components/redis/commands/queue/top.hpp"
#include "components/redis/commands/queue/transfer.hpp"
#include "components/redis/commands/queue/trim.hpp"
#include "components/redis/commands/queue/work.hpp"
#include "components/redis/settings/options.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

namespace {

using Kind = OptionKind;
using Options = std::vector<OptionSpec>;

/// stream, group and max-length as setup has them,
/// and --queue.
Options which_queue(std::initializer_list<std::string_view> names) {
  Options options;
  for (const OptionSpec& own : redis_options()) {
    for (const std::string_view name : names) {
      if (own.name == name) options.push_back(own);
    }
  }
  options.push_back({.name = "queue",
                     .help = "An Asynq queue of this Redis, instead of a stream",
                     .metavar = "NAME",
                     .flag_only = true,
                     .group = "Queue"});
  return options;
}

Options operator+(Options left, const Options& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

OptionSpec flag(std::string_view name, std::string_view help, char letter = 0) {
  return {.name = name, .help = help, .kind = Kind::flag, .letter = letter, .flag_only = true};
}

OptionSpec number(std::string_view name, std::string_view help, std::string_view usual = {}) {
  return {.name = name, .help = help, .kind = Kind::integer, .metavar = "N", .default_value = usual, .flag_only = true};
}

OptionSpec duration(std::string_view name, std::string_view help, std::string_view usual = {}) {
  return {
      .name = name, .help = help, .kind = Kind::duration, .metavar = "TIME", .default_value = usual, .flag_only = true};
}

OptionSpec text(std::string_view name, std::string_view help, std::string_view metavar) {
  return {.name = name, .help = help, .metavar = metavar, .flag_only = true};
}

const Options& all_flag() {
  static const Options options = {{.name = "all",
                                   .help = "All of them: every stream of this Redis, every pending or dead job",
                                   .kind = Kind::flag,
                                   .flag_only = true}};
  return options;
}

Options range() {
  return {text("from", "Begin at this ID, time, or so long ago", "ID|TIME"),
          text("to", "End at this ID, time, or so long ago", "ID|TIME")};
}

OptionSpec fields() {
  return {.name = "field",
          .help = "A field of the job; may be given several times",
          .kind = Kind::list,
          .metavar = "NAME=VALUE",
          .flag_only = true};
}

Options filters() {
  return range() + Options{{.name = "state",
                            .help = "Only jobs of this state",
                            .kind = Kind::choice,
                            .choices = {"waiting", "pending", "dead", "done", "active", "scheduled", "retry",
                                        "archived", "completed", "aggregating"},
                            .flag_only = true},
                           fields(),
                           flag("newest", "The newest first"),
                           number("limit", "At most this many; 0 for all", "20")};
}

Options upload() {
  return {flag("resume", "Continue after the last line that an earlier run of the same input added"),
          flag("again", "Add all of it again, although an earlier run was interrupted"),
          flag("skip-invalid", "Skip lines that are not jobs, and count them")};
}

Options stats_options() {
  return which_queue({"stream"}) + all_flag() +
         Options{number("max-lag", "Exit with 1 when more jobs than this are waiting"),
                 duration("max-pending-age", "Exit with 1 when a pending job is older than this"),
                 number("max-dead", "Exit with 1 when there are more dead letters than this"),
                 duration("rate", "Look twice, this far apart, and show the rate of new jobs")};
}

}  // namespace

std::vector<ComponentCommand> queue_commands() {
  const auto row = [](std::string_view what, std::string_view summary, Options options, auto run,
                      std::string_view arguments = {}) {
    return ComponentCommand{"queue", summary, std::move(options), run, arguments, what, nullptr};
  };
  const Options queue = which_queue({"stream", "group"});
  return {
      row("stats", "Length, rate, waiting, pending and dead jobs, and who works on them", stats_options(), queue_stats),
      row("top", "The live screen of a queue; lines in a pipe",
          queue + Options{duration("interval", "How often to look", "1s"),
                          number("looks", "Stop after this many refreshes, instead of at q or Ctrl-C")},
          queue_top),
      row("add", "Add one job, or many from JSON lines",
          which_queue({"stream", "max-length"}) +
              Options{fields(), text("type", "Type of a task for an Asynq queue", "TYPE"),
                      text("payload", "Its payload", "TEXT"),
                      number("max-retry", "How many times it is retried", "25")} +
              upload(),
          queue_add, "[JSON|FILE|-]"),
      row("ls", "List jobs", queue + filters(), queue_list),
      row("show", "Show everything that is known about jobs", queue, queue_show, "ID…"),
      row("grep", "List the jobs that have a text in a value", queue + filters(), queue_grep, "TEXT"),
      row("tail", "Print the last jobs, and with -f each new one",
          queue + Options{flag("follow", "Keep printing until Ctrl-C", 'f'),
                          number("limit", "At most this many; 0 for all", "20")},
          queue_tail),
      row("export", "Write the stream as JSON lines",
          which_queue({"stream"}) + range() + Options{flag("dead", "Export the dead letters instead")}, queue_export),
      row("import", "Add what queue export wrote, with the same IDs",
          which_queue({"stream", "max-length"}) + Options{flag("new-ids", "Give the jobs new IDs")} + upload(),
          queue_import, "FILE|-"),
      row("trim", "Remove old entries that every group has finished, and no others",
          which_queue({"stream", "max-length"}) + Options{duration("older-than", "Only entries older than this")},
          queue_trim),
      row("repair-lag", "Let Redis know again how many jobs wait, after a restart or a failover", queue,
          queue_repair_lag),
      row("retry", "Put pending jobs back into the stream; run tasks of Asynq now",
          queue + all_flag() + Options{duration("idle", "Only jobs idle for at least this long")}, queue_retry,
          "[ID…]"),
      row("claim", "Give pending jobs to another consumer",
          queue + all_flag() +
              Options{duration("idle", "Only jobs idle for at least this long"),
                      text("consumer", "The consumer that gets them", "NAME")},
          queue_claim, "[ID…]"),
      row("dead", "List the dead letters, add them again, or drop them",
          queue + all_flag() + Options{number("limit", "At most this many; 0 for all", "20")}, queue_dead,
          "ls|requeue|drop [ID…]"),
      row("rm", "Remove jobs for good", queue, queue_remove, "ID…"),
      row("pause", "Stop queue work from taking jobs", which_queue({"stream"}), queue_pause, "[REASON…]"),
      row("resume", "Let it take jobs again", which_queue({"stream"}), queue_resume),
      row("work", "Run a command for each job: payload on its stdin, fields in its environment",
          queue + Options{number("concurrency", "How many commands run at once", "1"),
                          number("max-deliveries", "Move a job to the dead letters after this many deliveries", "3"),
                          duration("backoff", "Pause before the second attempt; doubles up to a minute", "1s"),
                          duration("claim-after",
                                   "Take over jobs that have been idle with another consumer for this long", "1m"),
                          text("consumer", "Name of this consumer; host and process number when not given", "NAME"),
                          flag("batch",
                               "Keep one command running: it reads a job per line and answers each with a line: ok, or "
                               "a reason"),
                          flag("until-empty", "Stop when no job is left, instead of waiting for more")},
          queue_work, "-- COMMAND …"),
  };
}

}  // namespace raibid
