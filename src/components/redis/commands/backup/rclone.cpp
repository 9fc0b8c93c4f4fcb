#include "components/redis/commands/backup/rclone.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "sys/give_input.hpp"
#include "sys/new_file.hpp"

namespace raibid {

namespace {

constexpr std::size_t most_untaken = 4 << 20;
constexpr Duration upload_nap = std::chrono::milliseconds(5);
/// Its exit codes: rclone.org/docs/#exit-code
constexpr int no_such_folder = 3;
constexpr int no_such_file = 4;

Error rclone_error(const std::vector<std::string>& argv, const Output& output) {
  std::string last;
  for (const std::string& line : split(output.err, '\n')) {
    if (!trim(line).empty()) last = std::string(trim(line));
  }
  return Error(ExitCode::failure,
               fmt::format("rclone {} failed: {}", argv.size() > 1 ? argv[1] : "",
                           last.empty() ? fmt::format("exit code {}", output.status) : printable(last)),
               "try it by hand: " + shell_join(argv));
}

}  // namespace

std::string Rclone::join(const std::string& folder, const std::string& name) {
  return folder.ends_with(':') || folder.ends_with('/') ? folder + name : folder + "/" + name;
}

/// It never asks for anything, and tries a little only: whoever waits for it wants to know.
Command Rclone::command(std::vector<std::string> words) const {
  words.insert(words.begin(), "rclone");
  words.insert(words.begin() + 2, {"--ask-password=false", "--retries=2", "--low-level-retries=3", "--contimeout=15s"});
  return {std::move(words), "", {}};
}

Output Rclone::checked_run(const Command& command) {
  Output output = run(m_context.runner, command, TimePoint::max());
  if (!output.ok()) throw rclone_error(command.argv, output);
  return output;
}

std::vector<Rclone::Entry> Rclone::list(const std::string& folder) {
  const Command question = reading(command({"lsjson", "--files-only", folder}));
  const Output output = run(m_context.runner, question, m_context.deadline);
  if (output.status == no_such_folder) return {};
  if (!output.ok()) throw rclone_error(question.argv, output);
  std::vector<Entry> entries;
  const nlohmann::json data = try_parse_json(output.out);
  if (!data.is_array()) throw Error(ExitCode::failure, "rclone lsjson answers with something that is no list");
  for (const nlohmann::json& one : data)
    entries.push_back({text_at(one, {"Name"}), number_at(one, {"Size"}), text_at(one, {"ModTime"})});
  return entries;
}

std::optional<std::string> Rclone::read(const std::string& path) {
  const Command question = reading(command({"cat", path}));
  Output output = run(m_context.runner, question, m_context.deadline);
  if (output.status == no_such_folder || output.status == no_such_file) return std::nullopt;
  if (!output.ok()) throw rclone_error(question.argv, output);
  // some versions say nothing of a file that is not there
  if (output.out.empty()) return std::nullopt;
  return std::move(output.out);
}

void Rclone::upload(const std::string& path, const std::string& content) {
  Command upload = command({"rcat", path});
  upload.input = content;
  checked_run(upload);
}

void Rclone::download(const std::string& path, const std::filesystem::path& to) {
  const auto file = m_context.files.new_file(to);
  const Command download = reading(command({"cat", path}));
  const std::unique_ptr<Process> process = m_context.runner.start(download);
  Process* const one = process.get();
  for (;;) {
    m_context.runner.wait({&one, 1}, m_context.runner.now() + upload_nap);
    const bool ended = process->finished();
    file->write(process->out());
    process->out().clear();
    if (ended) break;
  }
  if (process->status() != 0) throw rclone_error(download.argv, {process->status(), "", process->err(), false});
  file->keep();
}

void Rclone::move(const std::string& from, const std::string& to) { checked_run(command({"moveto", from, to})); }

void Rclone::remove(const std::string& path) {
  const Command removal = command({"deletefile", path});
  const Output output = run(m_context.runner, removal, TimePoint::max());
  if (output.ok() || output.status == no_such_folder || output.status == no_such_file) return;
  if (output.err.find("not found") != std::string::npos || output.err.find("doesn't exist") != std::string::npos)
    return;
  throw rclone_error(removal.argv, output);
}

std::unique_ptr<Process> Rclone::begin_upload(const std::string& path) {
  Command upload = command({"rcat", path});
  upload.input_follows = true;
  return m_context.runner.start(upload);
}

void Rclone::give(Process& upload, std::string_view bytes) {
  Process* const one = &upload;
  give_input(upload, bytes);
  while (!upload.finished() && untaken_input(upload) > most_untaken)
    m_context.runner.wait({&one, 1}, m_context.runner.now() + upload_nap);
  if (upload.finished())
    throw rclone_error({"rclone", "rcat"}, {std::max(upload.status(), 1), "", upload.err(), false});
}

void Rclone::finish(Process& upload) {
  upload.feed("");
  const Output output = raibid::finish(m_context.runner, upload, TimePoint::max());
  if (!output.ok()) throw rclone_error({"rclone", "rcat"}, output);
}

}  // namespace raibid
