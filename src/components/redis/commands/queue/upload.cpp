#include "components/redis/commands/queue/upload.hpp"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/server/queue_keys.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"
#include "sys/signals.hpp"
#include "sys/unique_fd.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr Duration between_lines = std::chrono::seconds(10);  // of a log
constexpr Duration between_frames = std::chrono::milliseconds(200);
constexpr Duration record_patience = std::chrono::seconds(5);

struct Input {
  UniqueFd file;
  int fd = STDIN_FILENO;
  std::string name = "standard input";
  std::string identity;  ///< beside its first line: what makes it this input
};

Input open_input(Context& context, const std::string& path) {
  Input input;
  if (path == "-") return input;
  do {
    // a FIFO is waited for until someone writes to it
    input.file = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    context.signals.check();
  } while (!input.file && errno == EINTR);
  if (!input.file) {
    throw Error(ExitCode::usage, fmt::format("{}: {}", printable(path), ::strerror(errno)),
                "give a file of JSON lines, a job as JSON ('{…}'), or - for standard input");
  }
  input.fd = input.file.get();
  input.name = printable(path);
  std::error_code ignored;
  input.identity = fs::canonical(path, ignored).string();
  if (fs::is_directory(path, ignored)) throw Error(ExitCode::usage, input.name + " is a directory");
  return input;
}

/// The first line, which stays to be read; "" for an empty input.
std::string first_line(LineReader& reader, Context& context) {
  for (;;) {
    std::string_view line;
    const LineReader::Next next = reader.next(line);
    if (next == LineReader::Next::end) return "";
    if (next == LineReader::Next::line) {
      std::string first(line);
      reader.again();
      return first;
    }
    context.runner.wait({}, context.runner.now() + std::chrono::milliseconds(50));
  }
}

/// Where this run begins. Throws Error (preflight) when an earlier one did not end and nothing says what to do about
/// it.
UploadRecord beginning(QueueSession& session, const Input& input, const std::string& key) {
  const Settings& settings = session.context().settings;
  const std::optional<UploadRecord> before = read_upload(session.redis(), key);
  if (settings.flag("resume")) {
    if (!before) session.context().reporter.note("no record of an earlier run of this input: it begins with line 1");
    return before.value_or(UploadRecord{});
  }
  if (before && !before->ended && before->line > 0 && !settings.flag("again")) {
    throw Error(ExitCode::preflight,
                fmt::format("an earlier run added {} up to line {} and was interrupted (or is still running)",
                            input.name, before->line),
                "--resume goes on behind that line, --again adds all of it once more");
  }
  return {};
}

std::string new_token(Random& random) {
  std::array<std::uint8_t, 12> bytes{};
  random.fill(bytes);
  std::string token;
  for (const std::uint8_t byte : bytes) token += fmt::format("{:02x}", byte);
  return token;
}

/// What of the input is in the stream after the connection broke: the record knows it, if Redis can be asked again.
std::string what_is_there(QueueSession& session, const std::string& key, const std::string& token,
                          const UploadResult& result) {
  try {
    session.reconnect(record_patience);
    if (const std::optional<UploadRecord> record = read_upload(session.redis(), key)) {
      if (record->token != token) return "another run that adds the same input has taken over";
      const std::string more = record->beyond.empty() ? "" : ", and some lines after it";
      return fmt::format("lines up to {} were added{}", record->line, more);
    }
  } catch (const Error&) {
    // what it acknowledged is known without asking
  }
  return fmt::format("Redis acknowledged it up to line {}; what was on its way may be there too, and --resume knows it",
                     result.line);
}

class Progress {
 public:
  explicit Progress(Context& context) : m_context(context), m_started(context.clock.now()), m_last(m_started) {
    m_context.reporter.step_started("add");
  }

  void show(const UploadResult& result) {
    const TimePoint now = m_context.clock.now();
    if (now - m_last < (m_context.terminal.rewrites ? between_frames : between_lines)) return;
    m_last = now;
    m_context.reporter.step_progress("add", text(result));
  }

  void end(Mark mark, const UploadResult& result) {
    m_context.reporter.step_ended("add", mark, text(result), std::chrono::duration_cast<Duration>(elapsed()));
  }

  std::chrono::duration<double> elapsed() const { return m_context.clock.now() - m_started; }
  double rate(const UploadResult& result) const {
    const double seconds = elapsed().count();
    return seconds > 0 ? static_cast<double>(result.added) / seconds : 0;
  }

 private:
  std::string text(const UploadResult& result) const {
    return fmt::format("{}, {}/s", counted(result.added, "job", "jobs"),
                       with_separators(static_cast<std::int64_t>(rate(result))));
  }

  Context& m_context;
  TimePoint m_started, m_last;
};

std::string text_of(const QueueSession& session, const UploadResult& result, bool dry_run, double seconds) {
  if (dry_run)
    return fmt::format("{} could be added. Nothing was changed (--dry-run).\n", counted(result.added, "job", "jobs"));
  std::string text = fmt::format(
      "Added {} to {} in {:.2f} s ({}/s).\n", counted(result.added, "job", "jobs"), printable(session.stream()),
      seconds,
      with_separators(seconds > 0 ? static_cast<std::int64_t>(static_cast<double>(result.added) / seconds) : 0));
  if (result.skipped > 0) text += fmt::format("{} had been added before.\n", counted(result.skipped, "line", "lines"));
  if (result.trimmed > 0)
    text += fmt::format("{} that every group was done with made room.\n", counted(result.trimmed, "entry", "entries"));
  return text;
}

CommandResult result_of(QueueSession& session, const UploadResult& result, bool dry_run, const Progress& progress) {
  const double seconds = progress.elapsed().count();
  const nlohmann::ordered_json object = {{"stream", printable(session.stream())},
                                         {"added", dry_run ? 0 : result.added},
                                         {"would_add", dry_run ? result.added : 0},
                                         {"skipped", result.skipped},
                                         {"refused", result.refused},
                                         {"line", result.line},
                                         {"last_id", result.last_id},
                                         {"length", result.length},
                                         {"trimmed", result.trimmed},
                                         {"seconds", seconds},
                                         {"jobs_per_second", progress.rate(result)}};
  return queue_result(
      session.context(), [&] { return text_of(session, result, dry_run, seconds); }, object);
}

void mention(QueueSession& session, const UploadResult& result) {
  Reporter& reporter = session.context().reporter;
  if (result.refused > 0)
    reporter.warning(fmt::format("{} not jobs and skipped; the first: {}",
                                 counted(result.refused, "line is", "lines are"), result.first_refusal));
  if (session.limit() > 0 && result.length > session.limit()) {
    reporter.warning(fmt::format("{} holds {}, more than its limit of {}: unfinished jobs are kept", session.stream(),
                                 counted(result.length, "entry", "entries"), with_separators(session.limit())));
  }
}

}  // namespace

CommandResult upload_file(QueueSession& session, const std::string& path, UploadPlan plan, const std::string& verb) {
  Context& context = session.context();
  session.need_stream_name();
  const Input input = open_input(context, path);
  LineReader reader(input.fd, input.name);
  plan.stream = session.stream();
  plan.record = upload_key(plan.stream, upload_name(verb + "\n" + input.identity + "\n" + first_line(reader, context)));
  plan.token = new_token(context.random);
  plan.limit = session.limit();
  plan.dry_run = context.guard.dry_run();
  plan.skip_invalid = context.settings.flag("skip-invalid");
  plan.resumes = context.settings.flag("resume");
  plan.after = beginning(session, input, plan.record);
  const std::string record = plan.record, token = plan.token;
  const bool dry_run = plan.dry_run;

  Progress progress(context);
  Upload upload(std::move(plan), reader, context.signals, [&](const UploadResult& result) { progress.show(result); });
  const std::string again = queue_command(context, verb, shell_quote(path) + " --resume");
  try {
    upload.run(session.redis());
  } catch (Error& error) {
    progress.end(Mark::failed, upload.result());
    if (dry_run) throw;
    const std::string there = what_is_there(session, record, token, upload.result());
    throw Error(error.code(), fmt::format("{}; {}", error.message(), there),
                error.hint().empty() ? "go on with: " + again : error.hint() + "; then go on with: " + again);
  }
  const UploadResult& result = upload.result();
  progress.end(result.signal != 0 ? Mark::failed : Mark::done, result);
  if (result.trimmed > 0) session.note_trim(result.trimmed);
  mention(session, result);
  if (result.signal != 0 && !dry_run) {
    context.reporter.note(fmt::format("interrupted: {} is added up to line {} ({}); go on with: {}", input.name,
                                      result.line, counted(result.added, "job", "jobs") + " now", again));
  }
  context.signals.check();
  CommandResult answer = result_of(session, result, dry_run, progress);
  if (result.refused > 0) answer.exit_code = static_cast<int>(ExitCode::failure);
  return answer;
}

}  // namespace raibid
