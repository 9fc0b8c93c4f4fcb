#pragma once

#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sys/process.hpp"

namespace raibid::test {

/// Runs the built program as a user would, with a home of its own; every test has its own RAIBID_HOME.
class Cli {
 public:
  Cli();
  ~Cli();
  Cli(const Cli&) = delete;
  Cli& operator=(const Cli&) = delete;

  /// Runs to the end (at most `limit`).
  Output operator()(const std::vector<std::string>& arguments, Duration limit = std::chrono::minutes(3));

  /// Runs a line in a shell, in `folder()` and with the program's environment; $RAIBID_CLI is the program.
  Output shell(const std::string& line, Duration limit = std::chrono::minutes(3));
  /// The same with this on standard input.
  Output with_input(const std::vector<std::string>& arguments, const std::string& input);

  /// Starts it, for tests that interrupt it.
  std::unique_ptr<Process> start(const std::vector<std::string>& arguments);

  /// Starts it, waits until `begun` (a second at most: it may end before it was seen), kills it with SIGKILL after
  /// `later` more, and gives its exit code: 0 when it had ended by itself.
  int kill_after(const std::vector<std::string>& arguments, const std::function<bool()>& begun,
                 std::chrono::microseconds later);

  void set(const std::string& name, const std::string& value) { m_environment[name] = value; }
  std::filesystem::path home() const { return m_folder / "home"; }
  std::filesystem::path folder() const { return m_folder; }
  Runner& runner();

 private:
  Command command(const std::vector<std::string>& arguments) const;
  std::vector<std::string> environment() const;
  std::string left_running() const;

  std::filesystem::path m_folder;
  std::map<std::string, std::string> m_environment;
};

/// The runner that tests start real programs with.
Runner& real_runner();

/// Runs a program that must succeed, and gives its standard output.
std::string must(const std::vector<std::string>& argv, const std::string& input = {});

/// Runs a program; its output whatever comes.
Output attempt(const std::vector<std::string>& argv, const std::string& input = {});

/// Sends a signal that ends a process, and waits until the process has closed its files and ports, for 20 s at most.
void end_process(int pid, int signal);

/// "what was said", for INFO().
std::string said(const Output& output);

/// Everything under a folder, as relative paths with the files' contents.
std::map<std::string, std::string> tree(const std::filesystem::path& folder);

}  // namespace raibid::test
