// `queue repair-lag`
#include "components/redis/commands/queue/repair_lag.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/queue/queue_session.hpp"
#include "components/redis/server/group_lag.hpp"
#include "components/redis/server/script.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"
#include "ui/table.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;
using LagState = GroupLag::State;

/// A busy group reads on, and the safe trim runs, while it is counted: then it is counted once more.
constexpr int lag_attempts = 10;

struct RepairedGroup {
  std::string stream, group;
  std::optional<std::int64_t> was, now;
  std::string problem;  ///< why nothing was done; "" otherwise
  bool wrong = false;   ///< Redis did not know it, or said something else
};

std::string lag_text(const std::optional<std::int64_t>& lag) { return lag ? with_separators(*lag) : "unknown"; }

/// "" for a lag that can be set.
std::string problem_of(const GroupLag& seen) {
  switch (seen.state) {
    case LagState::ok:
    case LagState::moved:
      return "";
    case LagState::deleted:
      return fmt::format("entry {} was deleted: Redis cannot know the lag before the group has read on past it",
                         printable(seen.deleted));
    case LagState::no_stream:
      return "there is no such stream";
    case LagState::wrong_type:
      return "it is not a stream";
    case LagState::no_group:
      return "there is no such group";
    case LagState::too_old:
      return "a Redis before 7.0 keeps no lag";
  }
  return "";
}

std::vector<std::string> groups_of(QueueSession& session, const std::string& stream) {
  if (option_chosen(session.context(), "group")) return {session.group()};
  const RedisReply reply = session.redis().command({"XINFO", "GROUPS", stream});
  expect_no_error(reply, "looking for the groups of " + printable(stream));
  std::vector<std::string> names;
  for (const RedisReply& group : reply.items) {
    if (const RedisReply* const name = group.field("name")) names.push_back(name->text);
  }
  return names;
}

std::vector<std::string> chosen_streams(QueueSession& session) {
  const bool one = option_chosen(session.context(), "stream") || option_chosen(session.context(), "group");
  return one ? std::vector<std::string>{session.stream()} : session.streams();
}

RepairedGroup look_at(QueueSession& session, const std::string& stream, const std::string& group) {
  const GroupLag seen = count_group_lag(session.redis(), stream, group, [&] { session.context().signals.check(); });
  RepairedGroup result{stream, group, seen.lag, seen.lag, problem_of(seen)};
  result.wrong = seen.is_wrong();
  if (result.wrong) result.now = seen.waiting;
  return result;
}

RepairedGroup repair(QueueSession& session, const std::string& stream, const std::string& group) {
  for (int attempt = 0; attempt < lag_attempts; ++attempt) {
    const GroupLag seen = count_group_lag(session.redis(), stream, group, [&] { session.context().signals.check(); });
    RepairedGroup result{stream, group, seen.lag, seen.lag, problem_of(seen)};
    if (!seen.is_wrong()) return result;
    result.wrong = true;
    result.now = set_group_lag(session.redis(), stream, group, seen);
    if (result.now) return result;
  }
  return {stream,
          group,
          std::nullopt,
          std::nullopt,
          "entries go from the stream while they are counted: nothing was changed; try again when it is quieter",
          true};
}

std::string result_text(const RepairedGroup& one, bool dry_run) {
  if (!one.problem.empty()) return one.problem;
  if (!one.wrong) return "right";
  return dry_run ? "would be set" : "set";
}

CommandResult report(Context& context, const std::vector<RepairedGroup>& all) {
  const bool dry_run = context.guard.dry_run();
  ordered_json object = {{"groups", ordered_json::array()}};
  Table table({"STREAM", "GROUP", "LAG", "NOW", "RESULT"});
  bool failed = false;
  std::int64_t wrong = 0;
  for (const RepairedGroup& one : all) {
    failed = failed || !one.problem.empty();
    const bool sets = one.wrong && one.problem.empty();
    wrong += sets ? 1 : 0;
    table.add({printable(one.stream), printable(one.group), lag_text(one.was), lag_text(one.now),
               result_text(one, dry_run)});
    object["groups"].push_back({{"stream", printable(one.stream)},
                                {"group", printable(one.group)},
                                {"was", one.was ? ordered_json(*one.was) : ordered_json()},
                                {"lag", one.now ? ordered_json(*one.now) : ordered_json()},
                                {"changed", sets && !dry_run},
                                {"would_change", sets && dry_run},
                                {"problem", one.problem.empty() ? ordered_json() : ordered_json(one.problem)}});
  }
  const auto text = [&] {
    if (all.empty()) return std::string("No groups.\n");
    const std::string lags = counted(wrong, "lag", "lags");
    return table.text() + (dry_run ? fmt::format("{} would be set. Nothing was changed (--dry-run).\n", lags)
                                   : fmt::format("{} set.\n", lags));
  };
  CommandResult result = queue_result(context, text, object);
  if (failed) result.exit_code = static_cast<int>(ExitCode::failure);
  return result;
}

}  // namespace

CommandResult queue_repair_lag(Context& context, const std::vector<std::string>&) {
  QueueSession session(context);
  session.need_stream("an Asynq queue has no lag: its tasks are counted by Redis itself");
  session.administer();
  std::vector<RepairedGroup> seen;
  for (const std::string& stream : chosen_streams(session)) {
    for (const std::string& group : groups_of(session, stream)) seen.push_back(look_at(session, stream, group));
  }
  const bool right = std::none_of(seen.begin(), seen.end(), [](const auto& one) { return one.wrong; });
  if (context.guard.dry_run() || right) return report(context, seen);
  std::vector<std::string> names;
  for (const RepairedGroup& one : seen) {
    if (one.wrong)
      names.push_back(fmt::format("group {} of {} ({} instead of {})", printable(one.group), printable(one.stream),
                                  lag_text(one.now), lag_text(one.was)));
  }
  if (!queue_agreed(context, fmt::format("Set the lag of {}?", join(names, ", "))))
    return {"Nothing was changed.\n", static_cast<int>(ExitCode::failure)};
  std::vector<RepairedGroup> done;
  for (const RepairedGroup& one : seen) done.push_back(one.wrong ? repair(session, one.stream, one.group) : one);
  return report(context, done);
}

}  // namespace raibid
