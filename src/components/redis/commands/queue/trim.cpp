// `queue trim`
#include "components/redis/commands/queue/trim.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/queue/queue.hpp"
#include "components/redis/commands/queue/queue_session.hpp"
#include "components/redis/server/safe_trim.hpp"
#include "sys/signals.hpp"

namespace raibid {

namespace {

TrimRequest request_of(QueueSession& session) {
  const Settings& settings = session.context().settings;
  TrimRequest request;
  if (settings.is_set("older-than")) {
    const std::int64_t before = session.now_ms() - settings.duration("older-than").count();
    request.before = StreamId{static_cast<std::uint64_t>(std::max<std::int64_t>(0, before)), 0}.text();
  }
  const bool length_chosen = option_chosen(session.context(), "max-length");
  if (length_chosen || request.before.empty()) {
    if (session.limit() > 0) request.keep = session.limit();
  }
  if (!request.keep && request.before.empty()) {
    throw Error(ExitCode::usage, fmt::format("stream {} has no limit to trim it to", session.stream()),
                "give --max-length N or --older-than TIME");
  }
  request.dry_run = session.context().guard.dry_run();
  return request;
}

std::string what_stays(const TrimResult& result, const TrimRequest& request) {
  const std::int64_t over = result.kept_over(request);
  if (over == 0) return "";
  return fmt::format("{} above the limit stay: group {} {} {}\n", counted(over, "entry", "entries"),
                     printable(result.group),
                     result.reason == "pending" ? "has not acknowledged" : "has not been given", result.needed);
}

std::string text_of(const TrimResult& result, const TrimRequest& request) {
  const std::string entries = counted(result.removed, "entry", "entries");
  const std::string stays = what_stays(result, request);
  if (request.dry_run)
    return fmt::format("Would remove {} that every group is done with. Nothing was changed (--dry-run).\n{}", entries,
                       stays);
  return fmt::format("Removed {} that every group was done with; {} left.\n{}", entries,
                     counted(result.length - result.removed, "is", "are"), stays);
}

CommandResult result_of(Context& context, const std::string& stream, const TrimResult& result,
                        const TrimRequest& request) {
  nlohmann::ordered_json object = {{"stream", printable(stream)},
                                   {"removed", request.dry_run ? 0 : result.removed},
                                   {"would_remove", request.dry_run ? result.removed : 0},
                                   {"length_before", result.length},
                                   {"kept_over_limit", result.kept_over(request)}};
  object["kept_for"] =
      result.kept_over(request) == 0
          ? nlohmann::ordered_json(nullptr)
          : nlohmann::ordered_json(
                {{"group", printable(result.group)}, {"reason", result.reason}, {"first_needed", result.needed}});
  CommandResult answer = queue_result(
      context, [&] { return text_of(result, request); }, object);
  // asked to make room, and there is nothing that may go
  if (result.removed == 0 && result.kept_over(request) > 0) answer.exit_code = static_cast<int>(ExitCode::failure);
  return answer;
}

}  // namespace

CommandResult queue_trim(Context& context, const std::vector<std::string>&) {
  QueueSession session(context);
  session.need_stream("there is nothing to trim: Asynq removes a finished task when its retention is over");
  const TrimRequest request = request_of(session);
  const auto between = [&](std::int64_t) { context.signals.check(); };
  if (!request.dry_run && !context.settings.flag("yes")) {
    TrimRequest look = request;
    look.dry_run = true;
    const TrimResult would = safe_trim(session.redis(), session.stream(), look, between);
    if (would.removed == 0) return result_of(context, session.stream(), would, request);
    const std::string question = fmt::format("Remove {} that every group is done with from {}?",
                                             counted(would.removed, "entry", "entries"), session.subject());
    if (!queue_agreed(context, question)) return {"Nothing was changed.\n", static_cast<int>(ExitCode::failure)};
  }
  const TrimResult result = safe_trim(session.redis(), session.stream(), request, between);
  if (!request.dry_run) session.note_trim(result.removed);
  return result_of(context, session.stream(), result, request);
}

}  // namespace raibid
