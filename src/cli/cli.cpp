#include "cli/cli.hpp"

#include "base/error.hpp"
#include "base/junit.hpp"
#include "base/strings.hpp"
#include "cli/commands.hpp"
#include "cli/complete.hpp"
#include "cli/help.hpp"
#include "cli/parse.hpp"
#include "cli/version.hpp"
#include "components/result_format.hpp"
#include "config/settings.hpp"
#include "sys/reading_runner.hpp"
#include "tools/reading_redis.hpp"
#include "ui/make_reporter.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
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
  if (resolve_settings(global_options(), flags, {}, {}, {}, none).flag("dry-run")) return true;
  return std::any_of(invocation.row->options.begin(), invocation.row->options.end(), [&](const OptionSpec& option) {
    return option.means_dry_run && invocation.flags.contains(std::string(option.name));
  });
}

/// A sentence as an object for programs.
CommandResult as_asked(CommandResult result, OutputFormat format, bool dry_run) {
  if (!result.is_sentence || result.output.empty() || (format != OutputFormat::json && format != OutputFormat::yaml))
    return result;
  result.output = formatted({{"dry_run", dry_run}, {"text", trim(result.output)}}, format);
  return result;
}

CommandResult execute(std::span<const std::string> arguments, const CliDependencies& dependencies,
                      const std::vector<Component>& components, Speech& speech) {
  const CommandTable table(components);
  const Invocation invocation = parse_arguments(table, arguments);
  if (invocation.version) return {version_line(), 0};
  if (invocation.help)
    return {help_text(table, invocation.verb, invocation.object, help_width(dependencies.terminal)), 0};
  const ChangeGuard guard(is_dry_run(invocation));
  if (!guard.dry_run())
    return as_asked(invocation.row->run(Call{table, invocation, dependencies, speech, guard}), speech.format, false);
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
  return as_asked(invocation.row->run(Call{table, invocation, reading, speech, guard}), speech.format, true);
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

/// The format asked for on the command line or by RAIBID_OUTPUT, before anything is known to be right about them.
OutputFormat asked_format(std::span<const std::string> arguments, const Environment& environment) {
  std::string name = variable(environment, "RAIBID_OUTPUT");
  for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    const std::string& word = arguments[i];
    const bool has_next = i + 1 < arguments.size();
    if ((word == "-o" || word == "--output") && has_next) name = arguments[i + 1];
    if (word.starts_with("-o") && word.size() > 2) name = word.substr(word[2] == '=' ? 3 : 2);
    if (word.starts_with("--output=")) name = word.substr(word.find('=') + 1);
  }
  return output_format(name);
}

/// A document that CI reads: the command did not come to its tests.
std::string junit_failure(const BaseError& error) {
  return junit("raibid-cli", {{.name = "raibid-cli", .failure = fmt::format("{}\n{}", error.message(), error.hint())}});
}

/// For programs: {ok, code, error, hint, evidence} on stdout.
void write_failure(std::ostream& out, const BaseError& error, OutputFormat format) {
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
  };
  if (format == OutputFormat::junit) {
    out << junit_failure(error) << std::flush;
    return;
  }
  out << formatted({{"ok", false},
                    {"code", error.exit_code()},
                    {"error", error.message()},
                    {"hint", text_or_null(error.hint())},
                    {"evidence", text_or_null(error.evidence())}},
                   format)
      << std::flush;
}

int report(const CliDependencies& dependencies, const Speech& speech, const BaseError& error) {
  speech.reporter->error(error);
  if (!is_plain_text(speech.format) && dependencies.out) write_failure(dependencies.out, error, speech.format);
  return error.exit_code();
}

/// Reports what is being handled. Returns the exit code.
int report_current(const CliDependencies& dependencies, const Speech& speech) {
  try {
    throw;
  } catch (const BaseError& error) {
    return report(dependencies, speech, error);
  } catch (const std::bad_alloc&) {
    return report(dependencies, speech, Error(ExitCode::failure, "out of memory"));
  } catch (const std::exception& error) {
    return report(dependencies, speech,
                  Error(ExitCode::failure, fmt::format("unexpected: {}", printable(error.what())),
                        "this is a bug in raibid-cli; please report it"));
  }
}

}  // namespace

int run_cli(std::span<const std::string> arguments, const CliDependencies& dependencies,
            const std::vector<Component>& components) {
  if (!arguments.empty() && arguments.front() == complete_command)
    return complete(arguments.subspan(1), dependencies, components);
  Speech speech{make_reporter(dependencies.terminal, {}, dependencies.err),
                asked_format(arguments, dependencies.environment)};
  try {
    const CommandResult result = execute(arguments, dependencies, components, speech);
    write_result(dependencies.out, result.output);
    return result.exit_code;
  } catch (...) {
    return report_current(dependencies, speech);
  }
}

}  // namespace raibid
