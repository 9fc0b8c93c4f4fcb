#include "components/redis/settings/stream_options.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/settings/naming.hpp"

namespace raibid {

namespace {

constexpr std::size_t longest_key = 255;

/// `origin` is the preset's; `stream_origin` and `group_origin` are those of the first stream when an option says it,
/// else "".
void check_streams(const std::vector<StreamSpec>& streams, const std::string& origin, const std::string& stream_origin,
                   const std::string& group_origin) {
  std::vector<std::string> seen;
  for (const StreamSpec& stream : streams) {
    const bool first = seen.empty();
    check_key(stream.name, first && !stream_origin.empty() ? stream_origin : origin);
    for (const std::string& group : stream.groups)
      check_key(group, first && !group_origin.empty() ? group_origin : origin);
    if (std::find(seen.begin(), seen.end(), stream.name) != seen.end()) {
      throw Error(ExitCode::usage, fmt::format("{}: the stream {} is listed twice", origin, stream.name),
                  "list its groups in one place");
    }
    seen.push_back(stream.name);
  }
}

/// A key as a pattern of an ACL that means this key alone.
std::string exact_pattern(std::string_view key) {
  std::string pattern;
  for (const char c : key) {
    if (std::string_view("*?[]\\").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

/// The keys that make a stream a queue (server/queue_keys.hpp).
void add_stream_keys(UserSpec& user, const std::vector<StreamSpec>& streams) {
  for (const StreamSpec& stream : streams) {
    const std::string name = exact_pattern(stream.name);
    for (const char* const rest : {"", ":dead", ":paused", ":upload:*"}) user.keys.push_back(name + rest);
  }
}

/// Five fields of cron, or @hourly and the like; the cluster reads them closely.
bool is_schedule(const std::string& text) {
  const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  if (text.starts_with('@')) return text.size() > 1 && text.find_first_not_of(letters, 1) == std::string::npos;
  const std::vector<std::string> fields = split(text, ' ');
  return fields.size() == 5 && std::all_of(fields.begin(), fields.end(), [&](const std::string& field) {
           return !field.empty() && field.find_first_not_of(letters + "0123456789*/,-?") == std::string::npos;
         });
}

}  // namespace

void check_key(const std::string& key, const std::string& what) {
  const auto bad = [](unsigned char c) { return c <= 0x20 || c == 0x7f; };
  if (key.empty() || key.size() > longest_key || std::any_of(key.begin(), key.end(), bad) || printable(key) != key) {
    throw Error(ExitCode::usage, fmt::format("{}: \"{}\" is not a valid name", what, printable(key)),
                "use 1 to 255 characters without spaces, for instance raibid:jobs");
  }
}

void take_streams(RedisSettings& redis, const OptionReader& reader, const Preset& preset) {
  redis.streams = preset.streams;
  const std::string stream = reader.chosen("stream") ? reader.text("stream") : "";
  const std::string group = reader.chosen("group") ? reader.text("group") : "";
  const bool limited = reader.chosen("max-length");
  if (redis.streams.empty() && stream.empty()) {
    const std::string_view lonely = !group.empty() ? "group" : "max-length";
    if (!group.empty() || limited) {
      throw Error(ExitCode::usage,
                  fmt::format("{}: preset {} has no stream that it could be of", reader.named(lonely), preset.name),
                  "name one with --stream");
    }
    return;
  }
  if (redis.streams.empty()) redis.streams.emplace_back();
  StreamSpec& first = redis.streams.front();
  if (!stream.empty()) first.name = stream;
  if (!group.empty()) first.groups = {group};
  if (limited) first.max_length = reader.settings().integer("max-length");
  if (first.max_length < 0) reader.refuse("max-length", "is negative", "use 0 for no limit");
  check_streams(redis.streams, fmt::format("preset {}: streams", preset.name),
                stream.empty() ? "" : reader.named("stream"), group.empty() ? "" : reader.named("group"));
}

void take_user(RedisSettings& redis, const OptionReader& reader, const Preset& preset) {
  const std::string name = reader.text("user");
  if (name.empty() || name == "default") return;
  if (!is_user_name(name)) reader.refuse("user", "is not a name for a user", std::string(user_name_rule));
  const bool own_server = redis.target == Target::local ||
                          (redis.target == Target::kubernetes && redis.chart.kind == ChartChoice::Kind::embedded);
  if (!redis.auth || !own_server) {
    if (!reader.chosen("user")) return;  // the preset's own holds where it can
    throw Error(
        ExitCode::usage,
        fmt::format("{}: {}", reader.named("user"),
                    redis.target == Target::external ? "the users of an external Redis are made where it comes from"
                    : own_server                     ? "without a password nobody logs in, so there is no user"
                                 : "only the embedded chart takes users; another chart knows `default` alone"),
        "leave it out, or use --user default");
  }
  if (preset.user.commands.empty()) {
    throw Error(ExitCode::usage,
                fmt::format("{}: preset {} does not say what a user of its application needs", reader.named("user"),
                            preset.name),
                "add to the preset: user: {name: ..., keys: [...], commands: [...]}; or use --user default");
  }
  redis.user = preset.user;
  redis.user.name = name;
  redis.user.keys.emplace_back("raibid-smoke:*");  // of `smoke`, which works as this user
  const bool listens = std::any_of(preset.smoke.begin(), preset.smoke.end(), [](const SmokeOperation& operation) {
    return operation.name == "pubsub-invalidation";  // the one whose channels are its own
  });
  if (listens) redis.user.channels.emplace_back("raibid-smoke:*");
  add_stream_keys(redis.user, redis.streams);
  // Redis refuses a pattern beside "*", which stands for all of them
  for (std::vector<std::string>* patterns : {&redis.user.keys, &redis.user.channels}) {
    if (std::find(patterns->begin(), patterns->end(), "*") != patterns->end()) *patterns = {"*"};
  }
}

void take_trimming(RedisSettings& redis, const OptionReader& reader) {
  const std::string schedule = reader.text("trim-schedule");
  if (schedule.empty() || schedule == "off") return;
  if (!is_schedule(schedule))
    reader.refuse("trim-schedule", "is not a schedule", "give five cron fields, for instance '*/10 * * * *'; or off");
  const bool limited = std::any_of(redis.streams.begin(), redis.streams.end(),
                                   [](const StreamSpec& stream) { return stream.max_length > 0; });
  const bool embedded = redis.chart.kind == ChartChoice::Kind::embedded;
  if (redis.target == Target::kubernetes && embedded && limited) {
    redis.trim_schedule = schedule;
  } else if (reader.chosen("trim-schedule")) {
    throw Error(ExitCode::usage,
                fmt::format("{}: {}", reader.named("trim-schedule"),
                            redis.target != Target::kubernetes ? "there is no cluster that could keep a schedule"
                            : embedded                         ? "no stream has a limit"
                                                               : "only the embedded chart trims by itself"),
                redis.target != Target::kubernetes
                    ? "run `queue trim --yes` from cron or a systemd timer: docs/queue.md"
                : embedded ? "give one with --max-length"
                           : "run `queue trim --yes` from a CronJob of your own");
  }
}

std::vector<StreamSpec> trimmed_streams(const RedisSettings& settings) {
  std::vector<StreamSpec> streams;
  if (settings.trim_schedule.empty()) return streams;
  std::copy_if(settings.streams.begin(), settings.streams.end(), std::back_inserter(streams),
               [](const StreamSpec& stream) { return stream.max_length > 0; });
  return streams;
}

}  // namespace raibid
