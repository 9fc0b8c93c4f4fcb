#include "components/redis/server/safe_trim.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/server/script.hpp"

namespace raibid {

namespace {

constexpr const char* slice_microseconds = "10000";
constexpr const char* before_all = "0-0";

void refuse(const std::string& stream, const std::string& state, const std::string& kind) {
  const std::string name = printable(stream);
  if (state == "no-stream") throw Error(ExitCode::failure, fmt::format("there is no stream {}", name));
  if (state == "wrong-type")
    throw Error(ExitCode::failure, fmt::format("{} is not a stream but a {}", name, printable(kind)));
  if (state == "no-group") {
    throw Error(ExitCode::failure,
                fmt::format("stream {} has no consumer group: nobody can say which of its entries are done", name),
                "setup creates the preset's groups");
  }
}

}  // namespace

std::int64_t TrimResult::kept_over(const TrimRequest& request) const {
  if (!request.keep || reason == "age" || group.empty()) return 0;
  return std::max<std::int64_t>(0, length - removed - *request.keep);
}

TrimResult safe_trim(RedisConnection& redis, const std::string& stream, const TrimRequest& request,
                     const std::function<void(std::int64_t removed)>& between) {
  const Script script = queue_script("trim");
  TrimResult result;
  std::string counted_to = request.dry_run ? before_all : "";
  std::optional<std::int64_t> keep = request.keep;
  for (bool first = true;; first = false) {
    const RedisReply reply = run_script(redis, script, {stream},
                                        {keep ? std::to_string(*keep) : "-",
                                         request.before.empty() ? "-" : request.before, slice_microseconds, counted_to},
                                        request.dry_run ? ScriptUse::reads : ScriptUse::writes);
    const std::vector<RedisReply>& part = reply.items;
    refuse(stream, part.at(0).text, part.at(4).text);
    if (first) result.length = part.at(3).integer;
    result.removed += part.at(1).integer;
    result.group = part.at(4).text;
    result.reason = part.at(5).text;
    result.needed = part.at(6).text;
    if (part.at(2).integer == 0) return result;
    if (request.dry_run) {
      counted_to = part.at(7).text;
      // what was counted would be gone by now
      if (keep) *keep += part.at(1).integer;
    }
    if (between) between(result.removed);
  }
}

std::optional<TrimResult> trim_above_limit(RedisConnection& redis, const std::string& stream, std::int64_t limit,
                                           const std::function<void(std::int64_t removed)>& between) {
  if (limit <= 0) return std::nullopt;
  const RedisReply length = redis.command({"XLEN", stream});
  if (length.is_error() || length.integer <= limit) return std::nullopt;
  TrimRequest request;
  request.keep = limit;
  return safe_trim(redis, stream, request, between);
}

}  // namespace raibid
