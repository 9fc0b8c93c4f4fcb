// `queue export` and `queue import`: a queue as JSON lines.
#include "components/redis/commands/queue/transfer.hpp"

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <cerrno>
#include <ostream>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/queue/queue.hpp"
#include "components/redis/commands/queue/upload.hpp"
#include "components/redis/server/queue_keys.hpp"
#include "sys/reader_gone.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

/// Throws Error (failure) when standard output is full or broken. False when its reader has gone (`| head`), which is
/// no failure.
bool arrived(std::ostream& results, std::int64_t count) {
  if (results) return true;
  if (errno == EPIPE || reader_gone(STDOUT_FILENO)) return false;
  throw Error(ExitCode::failure,
              fmt::format("the export cannot be written: it ends after {}", counted(count, "entry", "entries")));
}

}  // namespace

CommandResult queue_export(Context& context, const std::vector<std::string>&) {
  QueueSession session(context);
  session.need_stream("export writes entries of a stream");
  const Settings& settings = context.settings;
  const bool dead = settings.flag("dead");
  const std::string key = dead ? dead_letters_key(session.stream()) : session.stream();
  const std::int64_t now = session.now_ms();
  EntryPages pages(session.redis(), key,
                   settings.is_set("from") ? stream_position(settings.text("from"), "--from", now) : "-",
                   settings.is_set("to") ? stream_position(settings.text("to"), "--to", now) : "+");
  std::int64_t count = 0;
  std::string lines;
  for (std::vector<StreamEntry> page = pages.next(); !page.empty(); page = pages.next()) {
    context.signals.check();
    lines.clear();
    for (const StreamEntry& entry : page) append_export_line(lines, entry);
    errno = 0;
    context.results.write(lines.data(), static_cast<std::streamsize>(lines.size()));
    if (!arrived(context.results, count)) return {};
    count += static_cast<std::int64_t>(page.size());
  }
  errno = 0;
  context.results.flush();
  if (!arrived(context.results, count)) return {};
  context.reporter.note(fmt::format("{} of {}", counted(count, "entry", "entries"), printable(key)));
  return {};
}

CommandResult queue_import(Context& context, const std::vector<std::string>& arguments) {
  if (arguments.size() != 1)
    throw Error(ExitCode::usage, "no file to import", "give a FILE that queue export wrote, or - for standard input");
  QueueSession session(context);
  session.need_stream("export writes entries of a stream");
  UploadPlan plan;
  plan.exported = true;
  plan.keep_ids = !context.settings.flag("new-ids");
  return upload_file(session, arguments.front(), std::move(plan), "import");
}

}  // namespace raibid
