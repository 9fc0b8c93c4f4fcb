#include "components/redis/server/group_lag.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/server/script.hpp"

namespace raibid {

namespace {

constexpr const char* lag_microseconds = "10000";
constexpr const char* most_of_a_slice = "1000000";
/// A look of `status` costs a fraction of that.
constexpr const char* glance_microseconds = "2000";
constexpr const char* most_of_a_glance = "1000";
constexpr std::size_t parts_of_lag = 10;

GroupLag::State state_of(const std::string& word) {
  using State = GroupLag::State;
  constexpr std::pair<std::string_view, State> words[] = {
      {"ok", State::ok},
      {"moved", State::moved},
      {"deleted", State::deleted},
      {"no-stream", State::no_stream},
      {"wrong-type", State::wrong_type},
      {"no-group", State::no_group},
      {"too-old", State::too_old},
  };
  for (const auto& [known, state] : words) {
    if (known == word) return state;
  }
  throw Error(ExitCode::failure, "unknown state of a group's lag: " + printable(word));
}

GroupLag lag_of(const RedisReply& reply) {
  if (reply.items.size() != parts_of_lag) throw Error(ExitCode::failure, "unexpected answer about the lag of a group");
  const std::vector<RedisReply>& part = reply.items;
  GroupLag seen;
  seen.state = state_of(part[0].text);
  seen.last_delivered = part[1].text;
  if (part[3].integer >= 0) seen.lag = part[3].integer;
  seen.added = part[4].integer;
  seen.first = part[5].text;
  seen.waiting = part[6].integer;
  seen.more = part[7].integer != 0;
  seen.deleted = part[9].text;
  return seen;
}

}  // namespace

GroupLag look_at_group_lag(RedisConnection& redis, const std::string& stream, const std::string& group) {
  const RedisReply reply =
      eval_reading(redis, queue_script("lag").text, {stream}, {group, "", "", most_of_a_glance, glance_microseconds});
  if (!reply.is_error() && reply.items.size() == parts_of_lag) return lag_of(reply);
  GroupLag unknown;
  unknown.state = GroupLag::State::no_group;
  return unknown;
}

GroupLag count_group_lag(RedisConnection& redis, const std::string& stream, const std::string& group,
                         const std::function<void()>& between) {
  const Script script = queue_script("lag");
  GroupLag all;
  std::string began, at;
  for (;;) {
    const RedisReply reply =
        run_script(redis, script, {stream}, {group, began, at, most_of_a_slice, lag_microseconds}, ScriptUse::reads);
    GroupLag slice = lag_of(reply);
    slice.waiting += all.waiting;
    if (!began.empty()) slice.first = all.first;  // what is trimmed from here on has been counted
    all = std::move(slice);
    if (!all.more || all.state != GroupLag::State::ok) return all;
    began = all.last_delivered;
    at = reply.items[8].text;
    if (between) between();
  }
}

std::optional<std::int64_t> set_group_lag(RedisConnection& redis, const std::string& stream, const std::string& group,
                                          const GroupLag& seen) {
  const RedisReply reply =
      run_script(redis, queue_script("set_lag"), {stream},
                 {group, seen.last_delivered, std::to_string(seen.added - seen.waiting), seen.first, lag_microseconds});
  if (reply.items.size() != 2) throw Error(ExitCode::failure, "unexpected answer to a change of a group's lag");
  if (reply.items[0].text != "ok" || reply.items[1].integer < 0) return std::nullopt;
  return reply.items[1].integer;
}

}  // namespace raibid
