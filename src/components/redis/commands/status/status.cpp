// `status` without a name: all that is set up, one line each, once or for as long as --watch runs.
#include "components/redis/commands/status/status.hpp"

#include <nlohmann/json.hpp>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <ostream>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/status/status_board.hpp"
#include "components/redis/commands/status/wait_for_state.hpp"
#include "components/redis/commands/status/watch_screen.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/settings/record.hpp"
#include "components/result_format.hpp"
#include "config/yaml.hpp"
#include "sys/reader_gone.hpp"
#include "ui/colors.hpp"
#include "ui/reporter.hpp"
#include "ui/table.hpp"
#include "ui/text.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

constexpr Duration look_for_reader = std::chrono::milliseconds(200);

std::string memory_of(const RedisFacts& redis) {
  if (!redis.memory || redis.memory->used == 0) return "-";
  const auto& [used, limit, policy, evicted, peak] = *redis.memory;
  // a share, because the number itself is another one at each look
  return limit == 0 ? "no maxmemory" : fmt::format("{} % of {}", used * 100 / limit, format_bytes(limit));
}

std::string queue_of(const RedisFacts& redis) {
  std::vector<std::string> streams;
  for (const RedisFacts::Stream& stream : redis.streams) {
    if (stream.length) streams.push_back(fmt::format("{}: {}", stream.name, *stream.length));
  }
  return join(streams, ", ");
}

std::vector<std::string> cells(const Seen& seen) {
  const auto& [facts, health] = seen.report;
  std::string note = queue_of(facts.redis);
  const auto& checks = health.checks();
  auto telling = std::find_if(checks.begin(), checks.end(), [](const Check& check) { return !check.passed; });
  if (telling == checks.end())
    telling = std::find_if(checks.begin(), checks.end(), [](const Check& check) { return check.warning; });
  if (telling != checks.end()) note = fmt::format("{}: {}", telling->name, telling->text);
  return {seen.release,
          seen.place,
          facts.preset,
          health.healthy() ? "healthy" : "not healthy",
          facts.redis.server ? facts.redis.server->version : "-",
          memory_of(facts.redis),
          note};
}

/// The heading and a line for each.
std::vector<std::string> table_lines(std::vector<Seen>& all) {
  Table table({"RELEASE", "WHERE", "PRESET", "STATE", "REDIS", "MEMORY", "NOTE"});
  for (Seen& seen : all) table.add(cells(seen));
  std::vector<std::string> lines = split(table.text(), '\n');
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

int exit_code(const std::vector<Seen>& all, int unattached) {
  const bool healthy = unattached == 0 && std::all_of(all.begin(), all.end(),
                                                      [](const Seen& seen) { return seen.report.health.healthy(); });
  return static_cast<int>(healthy ? ExitCode::ok : ExitCode::failure);
}

ordered_json as_list(std::vector<Seen>& all) {
  ordered_json list = ordered_json::array();
  for (Seen& seen : all) list.push_back(report_data(seen.report.health));
  return list;
}

CommandResult render_all(const Context& context, std::vector<Seen>& all, int unattached) {
  const int code = exit_code(all, unattached);
  if (context.format() == OutputFormat::junit) {
    std::vector<JunitCase> cases;
    for (const Seen& seen : all) {
      for (JunitCase& one : junit_cases(seen.report.health)) {
        one.name = fmt::format("{} ({}): {}", seen.release, seen.place, one.name);
        cases.push_back(std::move(one));
      }
    }
    return {junit("status", cases), code};
  }
  if (context.format() != OutputFormat::table) return {formatted(as_list(all), context.format()), code};
  return {join(table_lines(all), "\n") + "\n", code};
}

[[noreturn]] void throw_nothing(const Context& context, const StatusBoard& board, const StatusBoard::Scope& scope) {
  if (scope.only) throw_not_installed(context, "release " + scope.only->release);
  const std::string where = scope.cluster && scope.machine ? "in this cluster or on this machine"
                            : scope.cluster                ? "in this cluster"
                            : scope.machine                ? "on this machine"
                                                           : "elsewhere";
  const std::vector<std::string> kept = board.kept();
  throw Error(ExitCode::not_installed,
              "nothing is set up " + where + (kept.empty() ? "" : "; removed, data kept: " + join(kept, ", ")),
              "set a Redis up: " + context.scope().command("setup redis"));
}

/// As `status redis` of one: another preset than the recorded one is a contradiction.
void refuse_contradiction(const Context& context, const StatusBoard::Scope& scope, std::vector<Seen>& all) {
  if (!scope.only || all.empty()) return;
  refuse_other_preset(context, all.front().report.facts.preset);
}

/// On a terminal each look replaces the one before; elsewhere only lines that changed are written.
class WatchScreen {
 public:
  explicit WatchScreen(Context& context) : m_context(context) {}

  /// The "^C" that the terminal has echoed would stand before the next prompt.
  void clear_echo() {
    if (m_drawn > 0) m_context.results << "\r\x1b[K" << std::flush;
  }

  void show(std::vector<Seen>& all) {
    Rows rows;
    for (Seen& seen : all) rows[key(seen)] = cells(seen);
    const bool redraws = m_context.format() == OutputFormat::table && m_context.terminal.results_rewrite;
    if (rows == m_rows && !redraws) return;  // on a screen the clock goes on
    const std::vector<std::string> lines = table_lines(all);
    if (m_context.format() != OutputFormat::table) {
      m_context.results << (m_context.format() == OutputFormat::json ? as_list(all).dump() + "\n"
                                                                     : "---\n" + to_yaml(as_list(all)));
    } else if (redraws) {
      redraw(screen(all));
    } else {
      tell_changes(all, rows, lines);
    }
    m_context.results << std::flush;
    if (!m_context.results && !reader_gone(STDOUT_FILENO))
      throw Error(ExitCode::failure, "standard output cannot be written", "");
    m_rows = std::move(rows);
  }

 private:
  using Rows = std::map<std::string, std::vector<std::string>>;  // cells: a column may grow without a change of its row

  static std::string key(const Seen& seen) { return fmt::format("{} ({})", seen.release, seen.place); }

  /// One with every check, several as a table; above them the time and how often this looks.
  std::vector<std::string> screen(const std::vector<Seen>& all) const {
    const auto width = static_cast<std::size_t>(std::max(m_context.terminal.width() - 1, 1));
    // without the first line, and the last one, where the cursor stands
    const auto rows_left = static_cast<std::size_t>(std::max(m_context.terminal.height() - 2, 1));
    const bool color = m_context.colors_results();
    std::vector<std::string> lines = {
        painted(shortened(fmt::format("{}, every {}; Ctrl-C ends it", rfc3339(m_context.clock.wall()),
                                      m_context.settings.text("interval")),
                          width, "…"),
                color_dim, color)};
    std::vector<std::string> rest;
    if (all.size() == 1 && !m_context.settings.flag("all")) {
      rest = report_screen(all.front().title, all.front().report.health, width, rows_left, color);
    } else {
      std::vector<WatchRow> rows;
      for (const Seen& seen : all) {
        std::vector<std::string> row = cells(seen);
        const std::string note = row.back();
        row.pop_back();
        rows.push_back({std::move(row), seen.report.health.healthy(), note});
      }
      rest = cut_to(table_screen(rows, width, color), rows_left);
    }
    lines.insert(lines.end(), rest.begin(), rest.end());
    return lines;
  }

  void redraw(const std::vector<std::string>& lines) {
    const std::pair<int, int> size = {m_context.terminal.width(), m_context.terminal.height()};
    // a terminal that was resized may have moved the lines that it showed
    if (m_drawn > 0 && size != m_size) {
      m_context.results << "\x1b[H\x1b[J";
    } else if (m_drawn > 0) {
      m_context.results << fmt::format("\x1b[{}F\x1b[J", m_drawn);
    }
    m_size = size;
    for (const std::string& line : lines) m_context.results << line << "\n";
    m_drawn = lines.size();
  }

  void tell_changes(const std::vector<Seen>& all, const Rows& rows, const std::vector<std::string>& lines) {
    if (m_rows.empty()) m_context.results << lines.front() << "\n";
    for (std::size_t at = 0; at < all.size(); ++at) {
      const auto before = m_rows.find(key(all[at]));
      if (before == m_rows.end() || before->second != rows.at(key(all[at])))
        m_context.results << lines.at(at + 1) << "\n";
    }
    for (const auto& [name, cells_before] : m_rows) {
      if (!rows.contains(name)) m_context.results << name << " is gone\n";
    }
  }

  Context& m_context;
  Rows m_rows;
  std::size_t m_drawn = 0;
  std::pair<int, int> m_size{};  ///< of the terminal when it was drawn
};

CommandResult watch(Context& context, StatusBoard& board, const StatusBoard::Scope& scope) {
  const Duration limit = context.settings.duration("timeout");
  const Duration between_looks = context.settings.duration("interval");
  WatchScreen screen(context);
  int code = 0;
  bool any = false;
  try {
    for (;;) {
      context.deadline = context.runner.now() + limit;  // of one look
      std::vector<Seen> all = board.look();
      if (all.empty() && !any) throw_nothing(context, board, scope);
      refuse_contradiction(context, scope, all);
      any = true;
      code = exit_code(all, board.unattached_runs());
      screen.show(all);
      const TimePoint next = context.runner.now() + between_looks;
      while (context.runner.now() < next) {
        if (reader_gone(STDOUT_FILENO)) return {"", code};
        context.runner.wait({}, std::min(next, context.runner.now() + look_for_reader));
      }
    }
  } catch (const Interrupted& stop) {
    screen.clear_echo();
    if (stop.signal() == SIGINT) return {"", code};  // Ctrl-C is how this ends
    throw;
  }
}

/// Whether a flag, a variable or the config file says it: then one Redis is meant.
bool chosen(const Context& context, const char* option) {
  const Source source = context.settings.origin(option).source;
  return source != Source::default_value && source != Source::preset;
}

bool one_is_meant(const Context& context) {
  const bool external = chosen(context, "target") && context.settings.text("target") == "external";
  return !context.settings.flag("all") &&
         (external || chosen(context, "release") || chosen(context, "namespace") || chosen(context, "preset"));
}

void refuse_contradictory_flags(const Context& context) {
  const bool once = context.format() == OutputFormat::junit || context.format() == OutputFormat::name;
  if (context.settings.flag("watch") && once)
    throw Error(ExitCode::usage, "--watch has no end, and -o " + context.settings.text("output") + " is written once",
                "leave one of them out");
  if (!context.settings.is_set("wait")) {
    if (context.settings.origin("for").source == Source::default_value) return;
    throw Error(ExitCode::usage, "--for says what --wait waits for",
                "wait for it: " + context.scope().command("status", "--wait --for " + context.settings.text("for")));
  }
  for (const char* other : {"all", "watch"}) {
    if (context.settings.flag(other))
      throw Error(ExitCode::usage, fmt::format("--wait waits for one Redis, and --{} shows more than that", other),
                  "leave one of them out");
  }
}

CommandResult status_of_one(Context& context, const RedisSettings& settings) {
  return open_installer(context, settings)->status();
}

CommandResult status_of_board(Context& context, const RedisSettings& settings, bool one) {
  StatusBoard::Scope scope;
  const bool target_chosen = chosen(context, "target");
  scope.machine = target_chosen || one ? settings.target == Target::local : true;
  scope.cluster = target_chosen || one ? settings.target == Target::kubernetes : true;
  scope.external = target_chosen || one ? settings.target == Target::external : true;
  scope.cluster_may_be_absent = !target_chosen && !chosen(context, "context") && !chosen(context, "kubeconfig");
  scope.only = one ? &settings : nullptr;
  if (!one && chosen(context, "namespace")) scope.name_space = settings.name_space;
  mention_unfinished(context);
  StatusBoard board(context, scope);
  if (context.settings.flag("watch")) return watch(context, board, scope);
  std::vector<Seen> all = board.look();
  if (all.empty()) throw_nothing(context, board, scope);
  for (const std::string& kept : board.kept()) context.reporter.note("removed, data kept: " + kept);
  // a single one is worth its details; whoever wants a list in any case says --all
  if (all.size() == 1 && board.unattached_runs() == 0 && !context.settings.flag("all")) {
    return render_report(context, all.front().title, all.front().report.health);
  }
  return render_all(context, all, board.unattached_runs());
}

}  // namespace

std::vector<OptionSpec> status_options() {
  return {
      {.name = "all", .help = "Every Redis that is set up, as a list", .kind = OptionKind::flag, .flag_only = true},
      {.name = "watch",
       .help = "Refresh every two seconds, until Ctrl-C",
       .kind = OptionKind::flag,
       .letter = 'w',
       .flag_only = true},
      {.name = "wait",
       .help = "Wait for the state that --for names, five minutes when no time is given; exit 1 when it does not come",
       .kind = OptionKind::duration,
       .flag_only = true,
       .implicit_value = "5m"},
      {.name = "for",
       .help = "What --wait waits for: every check passes, Redis answers PONG, or every job is done",
       .kind = OptionKind::choice,
       .default_value = "healthy",
       .choices = {"healthy", "ready", "drained"},
       .flag_only = true},
      {.name = "interval",
       .help = "Time between two looks of --wait and --watch",
       .kind = OptionKind::duration,
       .default_value = "2s",
       .flag_only = true}};
}

CommandResult status_redis(Context& context, const std::vector<std::string>&) {
  const RedisSettings settings = redis_settings(context);
  const bool all = context.settings.flag("all");
  refuse_contradictory_flags(context);
  if (context.settings.is_set("wait")) return wait_for_state(context, settings);
  if (!all && !context.settings.flag("watch")) return status_of_one(context, settings);
  return status_of_board(context, settings, !all);
}

CommandResult status_unnamed(Context& context, const std::vector<std::string>& arguments) {
  refuse_contradictory_flags(context);
  if (one_is_meant(context) || context.settings.is_set("wait")) return status_redis(context, arguments);
  return status_of_board(context, redis_settings(context), false);
}

}  // namespace raibid
