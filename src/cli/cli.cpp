#include "cli/cli.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/parse.hpp"
#include "cli/version.hpp"
#include "config/settings.hpp"
#include "sys/reading_runner.hpp"
#include "tools/reading_redis.hpp"
#include "ui/make_reporter.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <ostream>

namespace raibid {

namespace {

bool is_dry_run(const Invocation& invocation) {
  SettingMap flags;
  if (const auto given = invocation.flags.find("dry-run"); given != invocation.flags.end()) flags.insert(*given);
  std::vector<std::string> none;
  return resolve_settings(global_options(), flags, {}, {}, {}, none).flag("dry-run");
}

CommandResult execute(std::span<const std::string> arguments, const CliDependencies& dependencies,
                      const std::vector<Component>& components, std::unique_ptr<Reporter>& reporter) {
  const CommandTable table(components);
  const Invocation invocation = parse_arguments(table, arguments);
  if (invocation.version) return {version_line(), 0};
  if (invocation.help)
    return {help_text(table, invocation.verb, invocation.object, help_width(dependencies.terminal)), 0};
  const ChangeGuard guard(is_dry_run(invocation));
  if (!guard.dry_run()) return invocation.row->run(Call{table, invocation, dependencies, reporter, guard});
  ReadingRunner runner(dependencies.runner);
  ReadingRedis redis(dependencies.redis);
  const CliDependencies reading{dependencies.out,
                                dependencies.err,
                                dependencies.terminal,
                                dependencies.environment,
                                runner,
                                dependencies.clock,
                                dependencies.random,
                                dependencies.signals,
                                redis};
  return invocation.row->run(Call{table, invocation, reading, reporter, guard});
}

/// A reader that has gone (`| head`) is no failure; anything else is: the result did not arrive.
void write_result(std::ostream& out, const std::string& text) {
  if (text.empty() && !out) return;  // the command wrote by itself, and has said what there is to say
  errno = 0;
  out << text << std::flush;
  if (out || errno == EPIPE) return;
  const int reason = errno;
  throw Error(
      ExitCode::failure,
      fmt::format("cannot write to standard output: {}", reason != 0 ? std::strerror(reason) : "unknown reason"),
      "the command has finished; only its output was lost");
}

int report(Reporter& reporter, const BaseError& error) {
  reporter.error(error);
  return error.exit_code();
}

/// Reports what is being handled. Returns the exit code.
int report_current(Reporter& reporter) {
  try {
    throw;
  } catch (const BaseError& error) {
    return report(reporter, error);
  } catch (const std::bad_alloc&) {
    return report(reporter, Error(ExitCode::failure, "out of memory"));
  } catch (const std::exception& error) {
    return report(reporter, Error(ExitCode::failure, fmt::format("unexpected: {}", printable(error.what())),
                                  "this is a bug in raibid-cli; please report it"));
  }
}

}  // namespace

int run_cli(std::span<const std::string> arguments, const CliDependencies& dependencies,
            const std::vector<Component>& components) {
  std::unique_ptr<Reporter> reporter = make_reporter(dependencies.terminal, {}, dependencies.err);
  try {
    const CommandResult result = execute(arguments, dependencies, components, reporter);
    write_result(dependencies.out, result.output);
    return result.exit_code;
  } catch (...) {
    return report_current(*reporter);
  }
}

}  // namespace raibid
