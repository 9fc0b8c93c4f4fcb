#include "unit/cli/fixture.hpp"

#include "base/strings.hpp"
#include "components/context.hpp"
#include "components/registry.hpp"
#include "support/hints.hpp"
#include "sys/files.hpp"
#include "ui/reporter.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <stdlib.h>

#include <csignal>
#include <new>
#include <stdexcept>

namespace raibid::test {

namespace {

CommandResult echo(Context& context, const std::vector<std::string>& arguments) {
  std::string text;
  for (const auto& [name, setting] : context.settings.all()) {
    if (setting.origin.source == Source::default_value) continue;
    text += fmt::format("{}={} ({})\n", name, join(setting.values, ","), setting.origin.where);
  }
  text += fmt::format("arguments: {}\n", join(arguments, "|"));
  text += fmt::format("seconds: {}\n",
                      std::chrono::duration_cast<std::chrono::seconds>(context.deadline - context.clock.now()).count());
  context.reporter.detail("a detail");
  context.reporter.note("a note");
  return {text, 0};
}

CommandResult fail(Context&, const std::vector<std::string>& arguments) {
  const std::string how = arguments.empty() ? "" : arguments.front();
  if (how == "unhealthy") return {"not well\n", 1};
  if (how == "interrupted") throw Interrupted(SIGINT);
  if (how == "logic") throw std::logic_error("unknown option x");
  if (how == "memory") throw std::bad_alloc();
  throw Error(static_cast<ExitCode>(std::stoi(how)), "it went wrong", "do it otherwise");
}

std::vector<OptionSpec> setup_options() {
  using Kind = OptionKind;
  return {
      {.name = "chart",
       .help = "where it comes from",
       .metavar = "embedded|bitnami|PATH",
       .default_value = "embedded",
       .group = "Chart"},
      {.name = "values",
       .help = "values of the chart",
       .kind = Kind::list,
       .metavar = "FILE",
       .letter = 'f',
       .group = "Chart"},
      {.name = "set", .help = "a value of the chart", .kind = Kind::list, .metavar = "KEY=VALUE", .group = "Chart"},
      {.name = "image", .help = "image of Redis", .metavar = "REPOSITORY[:TAG]"},
      {.name = "size", .help = "of the claim", .kind = Kind::bytes, .default_value = "8Gi", .group = "Storage"},
      {.name = "no-persistence", .help = "keep nothing", .kind = Kind::flag, .group = "Storage"},
      {.name = "memory-request", .help = "memory", .kind = Kind::bytes},
      {.name = "memory-limit", .help = "memory at most", .kind = Kind::bytes},
      {.name = "cpu-request", .help = "cpu", .kind = Kind::cpu},
      {.name = "cpu-limit", .help = "cpu at most", .kind = Kind::cpu},
      {.name = "no-metrics", .help = "no exporter", .kind = Kind::flag},
      {.name = "no-auth", .help = "no password", .kind = Kind::flag},
      {.name = "allow-from", .help = "who may connect", .kind = Kind::list, .metavar = "NAMESPACE"},
      {.name = "stream", .help = "its stream's name [as it's called: \"x\"]", .metavar = "NAME"},
      {.name = "group", .help = "its group"},
      {.name = "max-length", .help = "of the stream", .kind = Kind::integer},
      {.name = "trim-schedule", .help = "when it is trimmed"},
      {.name = "backup-schedule", .help = "when to take a backup"},
      {.name = "backup-to", .help = "where to"},
      {.name = "backup-keep", .help = "how many", .kind = Kind::integer},
      {.name = "backup-secret", .help = "its Secret"},
      {.name = "backup-image", .help = "its image"},
      {.name = "user", .help = "who the application logs in as"},
      {.name = "adopt", .help = "take it over", .kind = Kind::flag, .flag_only = true},
  };
}

}  // namespace

const std::vector<Component>& fake_components() {
  static const std::vector<Component> components = {
      {"redis",
       "a Redis",
       {
           {"setup", "Installs it", setup_options(), echo},
           {"status", "How it is", {}, echo},
           {"doctor", "What setup needs", setup_options(), echo},
           {"teardown",
            "Takes it away",
            {{.name = "delete-data", .help = "its data too", .kind = OptionKind::flag, .flag_only = true}},
            echo},
           {"connect", "A way to it", {}, echo, "[-- COMMAND …]"},
           {"export", "What applications need", {}, echo, "FORMAT"},
           {"fail", "Goes wrong", {}, fail, "HOW"},
       }},
      {"minio", "a MinIO", {{"setup", "Installs MinIO", {{.name = "bucket", .help = "its first bucket"}}, echo}}},
  };
  return components;
}

CommandLine::CommandLine() {
  std::string pattern = (std::filesystem::temp_directory_path() / "raibid-cli-test-XXXXXX").string();
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  folder = pattern;
  environment = {{"HOME", pattern}};
}

CommandLine::~CommandLine() {
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

int CommandLine::operator()(const std::vector<std::string>& arguments) {
  std::ostringstream results;
  const int code = run_to(results, arguments);
  out = results.str();
  return code;
}

int CommandLine::run_to(std::ostream& results, const std::vector<std::string>& arguments) {
  std::ostringstream messages;
  const CliDependencies dependencies{results,          messages, Terminal{}, environment, m_runner,
                                     m_runner.clock(), m_random, m_signals,  m_redis};
  const int code = run_cli(arguments, dependencies, components);
  err = messages.str();
  INFO("stderr: ", err);
  if (components.size() == raibid::components().size()) check_hints(arguments, err);  // not of the made-up ones
  return code;
}

std::string CommandLine::write(const std::string& name, const std::string& content) {
  const std::filesystem::path path = folder / name;
  std::filesystem::create_directories(path.parent_path());
  write_atomic(path, content);
  return path.string();
}

}  // namespace raibid::test
