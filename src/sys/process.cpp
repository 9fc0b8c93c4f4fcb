#include "sys/process.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"

#include <string.h>

#include <algorithm>
#include <string_view>

namespace raibid {

namespace {

constexpr int first_signal_status = 128;

/// "helm upgrade": the program without its folder, and the first word that is not an option. An option whose value is a
/// word of its own would be taken for it, so the search ends there.
std::string short_name(const Command& command) {
  if (command.argv.empty()) return "?";
  const std::string& program = command.argv.front();
  std::string name = program.substr(program.rfind('/') + 1);
  for (std::size_t i = 1; i < command.argv.size(); ++i) {
    const std::string& word = command.argv[i];
    if (!word.starts_with('-')) return name + " " + printable(word);
    if (word.find('=') == std::string::npos) break;
  }
  return name;
}

/// The last line that says something, safe to print.
std::string last_words(std::string_view text) {
  constexpr std::size_t enough = 1000;
  text = trim(text);
  const std::size_t end = text.rfind('\n');
  return printable(trim(text.substr(end == std::string_view::npos ? 0 : end + 1)).substr(0, enough));
}

std::string how_it_ended(const Output& output) {
  if (output.timed_out) return "did not end in time";
  const char* signal =
      output.status > first_signal_status ? sigabbrev_np(output.status - first_signal_status) : nullptr;
  if (signal != nullptr) return std::string("was ended by SIG") + signal;
  return "failed with exit code " + std::to_string(output.status);
}

Output collect(Process& process) {
  Output output;
  if (!process.finished()) {
    process.end();
    output.timed_out = true;
  }
  output.status = process.status();
  output.out = std::move(process.out());
  output.err = std::move(process.err());
  output.failures = process.failures();
  return output;
}

}  // namespace

std::vector<Output> run_all(Runner& runner, std::span<const Command> commands, TimePoint deadline) {
  std::vector<std::unique_ptr<Process>> owned;
  std::vector<Process*> processes;
  for (const Command& command : commands) {
    owned.push_back(runner.start(command));
    processes.push_back(owned.back().get());
  }
  const auto runs = [](const Process* process) { return !process->finished(); };
  while (std::any_of(processes.begin(), processes.end(), runs) && runner.now() < deadline) {
    runner.wait(processes, deadline);
  }
  std::vector<Output> outputs;
  for (Process* process : processes) outputs.push_back(collect(*process));
  return outputs;
}

Output finish(Runner& runner, Process& process, TimePoint deadline) {
  Process* const one = &process;
  while (!process.finished() && runner.now() < deadline) runner.wait({&one, 1}, deadline);
  return collect(process);
}

Output run(Runner& runner, const Command& command, TimePoint deadline) {
  return std::move(run_all(runner, std::span(&command, 1), deadline).front());
}

Output run_checked(Runner& runner, const Command& command, TimePoint deadline) {
  Output output = run(runner, command, deadline);
  if (!output.ok()) throw child_error(command, output);
  return output;
}

Error child_error(const Command& command, const Output& output) {
  const std::string words = last_words(output.err);
  return Error(ExitCode::failure,
               short_name(command) + " " + how_it_ended(output) + (words.empty() ? "" : ": " + words));
}

}  // namespace raibid
