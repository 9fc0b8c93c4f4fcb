#include "support/cli.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <fmt/format.h>
#include <signal.h>

#include "support/hints.hpp"
#include "support/machine.hpp"
#include "sys/files.hpp"
#include "sys/system_runner.hpp"

namespace raibid::test {

namespace {

constexpr Duration program_limit = std::chrono::minutes(2);

std::filesystem::path make_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "raibid-test-XXXXXX").string();
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  return pattern;
}

}  // namespace

Runner& real_runner() {
  static SystemClock clock;
  static SystemRunner runner(clock, shared_signals());
  return runner;
}

Cli::Cli() : m_folder(make_folder()) {
  m_environment = {{"RAIBID_HOME", home().string()}, {"HOME", m_folder.string()}, {"NO_COLOR", "1"}};
}

/// What works in the test's folder still: a redis-server that no teardown of the test has ended.
std::string Cli::left_running() const {
  std::string left;
  std::error_code ignored;
  for (const auto& process : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string folder = std::filesystem::read_symlink(process.path() / "cwd", ignored);
    if (folder.starts_with(m_folder.string() + "/")) left += process.path().string() + " in " + folder + "\n";
  }
  return left;
}

Cli::~Cli() {
  CHECK(left_running() == "");
  std::error_code ignored;
  std::filesystem::remove_all(m_folder, ignored);
}

Runner& Cli::runner() { return real_runner(); }

std::vector<std::string> Cli::environment() const {
  std::vector<std::string> words = {"env"};
  for (char** variable = ::environ; *variable; ++variable) {  // the tests' own are no settings of the program
    const std::string_view text = *variable;
    if (text.rfind("RAIBID_", 0) == 0) words.insert(words.end(), {"-u", std::string(text.substr(0, text.find('=')))});
  }
  words.push_back("LC_ALL=C.UTF-8");  // what is printed does not depend on who runs the tests
  for (const auto& [name, value] : m_environment) words.push_back(name + "=" + value);
  return words;
}

Command Cli::command(const std::vector<std::string>& arguments) const {
  Command command;
  command.argv = environment();
  command.argv.push_back(RAIBID_CLI);
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  return command;
}

Output Cli::operator()(const std::vector<std::string>& arguments, Duration limit) {
  const Output output = run(runner(), command(arguments), runner().now() + limit);
  check_hints(arguments, output.err + "\n" + output.out);
  check_hints_for_others(output.err + "\n" + output.out);
  return output;
}

Output Cli::shell(const std::string& line, Duration limit) {
  Command command;
  command.argv = environment();
  command.argv.insert(command.argv.end(),
                      {std::string("RAIBID_CLI=") + RAIBID_CLI, "sh", "-c", "cd \"$HOME\" && { " + line + "\n}"});
  return run(runner(), command, runner().now() + limit);
}

Output Cli::with_input(const std::vector<std::string>& arguments, const std::string& input) {
  Command with = command(arguments);
  with.input = input;
  return run(runner(), with, runner().now() + program_limit);
}

std::unique_ptr<Process> Cli::start(const std::vector<std::string>& arguments) {
  return runner().start(command(arguments));
}

int Cli::kill_after(const std::vector<std::string>& arguments, const std::function<bool()>& begun,
                    std::chrono::microseconds later) {
  int pid = 0;
  runner().observe([&](int started, const Command&) { pid = started; });
  const auto process = start(arguments);
  runner().observe({});
  const TimePoint until = runner().now() + std::chrono::seconds(1);
  while (!begun() && runner().now() < until) continue;
  // microseconds count: the runner's clock waits in milliseconds
  const auto kill_at = std::chrono::steady_clock::now() + later;
  while (std::chrono::steady_clock::now() < kill_at) continue;
  ::kill(pid, SIGKILL);
  Process* const waited = process.get();
  while (!process->finished()) runner().wait({&waited, 1}, runner().now() + std::chrono::seconds(10));
  return process->status();
}

Output attempt(const std::vector<std::string>& argv, const std::string& input) {
  return run(real_runner(), {argv, input, {}}, real_runner().now() + program_limit);
}

std::string must(const std::vector<std::string>& argv, const std::string& input) {
  const Output output = attempt(argv, input);
  INFO(argv.at(0), " ", argv.size() > 1 ? argv[1] : "");
  INFO(said(output));
  REQUIRE(output.ok());
  return output.out;
}

void end_process(int pid, int signal) {
  REQUIRE(::kill(pid, signal) == 0);
  const TimePoint until = real_runner().now() + std::chrono::seconds(20);
  // its main thread can be a zombie while another one still has the files
  const auto lives = [status = fmt::format("/proc/{}/status", pid)] {
    const std::string text = read_file(status).value_or("");
    return !text.empty() &&
           (text.find("State:\tZ") == std::string::npos || text.find("\nThreads:\t1\n") == std::string::npos);
  };
  while (lives()) {
    REQUIRE(real_runner().now() < until);
    real_runner().wait({}, real_runner().now() + std::chrono::milliseconds(10));
  }
}

std::string said(const Output& output) {
  return fmt::format("status {}{}\nstdout:\n{}\nstderr:\n{}", output.status, output.timed_out ? " (timed out)" : "",
                     output.out, output.err);
}

std::map<std::string, std::string> tree(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  if (!std::filesystem::exists(folder)) return files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string path = std::filesystem::relative(entry.path(), folder).string();
    files[path] = entry.is_regular_file() ? read_file(entry.path(), 64U << 20).value_or("") : "/";
  }
  return files;
}

}  // namespace raibid::test
