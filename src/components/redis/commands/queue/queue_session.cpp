#include "components/redis/commands/queue/queue_session.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/commands/queue/asynq_view.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/server/asynq_queue.hpp"
#include "components/redis/server/job_lines.hpp"
#include "components/redis/server/safe_trim.hpp"
#include "components/redis/server/script.hpp"
#include "components/redis/server/stream_queue.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/stream_options.hpp"
#include "components/result_format.hpp"
#include "config/duration.hpp"
#include "config/yaml.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"
#include "ui/text.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

constexpr Duration between_attempts = std::chrono::milliseconds(200);
constexpr Duration no_answer = std::chrono::seconds(10);

StreamSpec chosen_stream(const Context& context) {
  const std::string name = context.settings.text("stream");
  StreamSpec spec;
  for (const StreamSpec& known : context.preset.streams) {
    if (known.name == name) spec = known;
  }
  // the preset's first stream under another name is still that queue
  if (spec.name.empty() && !context.preset.streams.empty() && !option_chosen(context, "stream"))
    spec = context.preset.streams.front();
  if (!name.empty()) spec.name = name;
  if (spec.name.empty()) {
    throw Error(ExitCode::usage, fmt::format("preset {} has no stream", context.preset.name),
                "name one with --stream, or an Asynq queue with --queue");
  }
  if (option_chosen(context, "group")) spec.groups = {context.settings.text("group")};
  if (option_chosen(context, "max-length")) spec.max_length = context.settings.integer("max-length");
  if (spec.max_length < 0) throw Error(ExitCode::usage, "--max-length is negative", "use 0 for no limit");
  return spec;
}

/// --queue says so, or the preset: no stream, and an application whose smoke operation is that of Asynq.
bool is_asynq(const Context& context) {
  const bool named = context.settings.is_set("queue");
  if (named && option_chosen(context, "stream"))
    throw Error(ExitCode::usage, "--queue names an Asynq queue, and --stream a stream", "leave one of them out");
  if (named && context.settings.text("queue").empty()) throw Error(ExitCode::usage, "--queue: the name is empty");
  if (named) return true;
  if (option_chosen(context, "stream") || !context.preset.streams.empty()) return false;
  return std::any_of(context.preset.smoke.begin(), context.preset.smoke.end(),
                     [](const SmokeOperation& operation) { return operation.name == "asynq-queue"; });
}

}  // namespace

ordered_json text_json(const std::string& text) {
  if (is_utf8(text)) return text;
  return {{"base64", base64_encode(text)}};
}

bool option_chosen(const Context& context, std::string_view name) {
  return context.settings.is_set(name) && context.settings.origin(name).source > Source::record;
}

QueueSession::QueueSession(Context& context) : m_context(context) {
  mention_unfinished(context);
  m_place = open_place(context, settings_to_find(context));
  const InstalledRedis& installed = m_place->installed();
  take_record_to_read(context, installed.record, NeedsPreset::no, installed.name_space);
  m_asynq = is_asynq(context);
  if (!m_asynq) {
    m_spec = chosen_stream(context);
    return;
  }
  if (option_chosen(context, "group"))
    throw Error(ExitCode::usage, "--group is for streams: an Asynq queue has no consumer groups");
  if (context.settings.is_set("queue")) m_spec.name = context.settings.text("queue");
}

void QueueSession::need_stream(const std::string& why) const {
  if (!m_asynq) return;
  throw Error(ExitCode::usage, "this is for streams, not for an Asynq queue: " + why,
              "for a stream of this Redis name it with --stream");
}

void QueueSession::need_stream_name() const {
  check_key(m_spec.name, option_chosen(m_context, "stream") ? named(m_context.settings, "stream") : "the stream");
}

std::vector<std::string> QueueSession::asynq_queues() {
  if (m_context.settings.is_set("queue")) return {m_context.settings.text("queue")};
  return asynq_queue_names(redis());
}

const std::string& QueueSession::name() {
  if (!m_asynq || m_named) return m_spec.name;
  const std::vector<std::string> there = asynq_queue_names(redis());
  const std::string list = there.empty() ? "nothing was enqueued yet" : "there are: " + printable(join(there, ", "));
  if (m_spec.name.empty() && there.size() > 1)
    throw Error(ExitCode::usage, "this Redis has several Asynq queues: " + printable(join(there, ", ")),
                "name one with --queue");
  if (m_spec.name.empty() && there.empty())
    throw Error(ExitCode::failure, "this Redis has no Asynq queue: nothing was enqueued yet");
  if (m_spec.name.empty()) m_spec.name = there.front();
  if (std::find(there.begin(), there.end(), m_spec.name) == there.end())
    throw Error(ExitCode::failure, fmt::format("there is no Asynq queue {}", in_quotes(m_spec.name)), list);
  m_named = true;
  return m_spec.name;
}

std::vector<std::string> QueueSession::streams() const {
  std::vector<std::string> names = {m_spec.name};
  if (option_chosen(m_context, "stream")) return names;
  for (const StreamSpec& known : m_context.preset.streams) {
    if (std::find(names.begin(), names.end(), known.name) == names.end()) names.push_back(known.name);
  }
  return names;
}

const std::string& QueueSession::group() {
  if (m_has_group) return m_group;
  m_has_group = true;
  if (!m_spec.groups.empty()) {
    m_group = m_spec.groups.front();
    return m_group;
  }
  std::vector<std::string> groups;
  for (const RedisReply& item : redis().command({"XINFO", "GROUPS", m_spec.name}).items) {
    if (const RedisReply* name = item.field("name")) groups.push_back(name->text);
  }
  if (groups.size() > 1) {
    throw Error(ExitCode::usage, fmt::format("stream {} has several groups: {}", m_spec.name, join(groups, ", ")),
                "name one with --group");
  }
  if (!groups.empty()) m_group = groups.front();
  return m_group;
}

/// What was asked for is not of this preset: its application's user has no right to it.
bool QueueSession::is_beyond_the_user() const {
  const Settings& settings = m_context.settings;
  if (settings.all().contains("all") && settings.flag("all")) return true;
  if (m_asynq || !option_chosen(m_context, "stream")) return false;
  const std::vector<StreamSpec>& own = m_context.preset.streams;
  return std::none_of(own.begin(), own.end(), [&](const StreamSpec& stream) { return stream.name == m_spec.name; });
}

std::unique_ptr<RedisConnection> QueueSession::connect(TimePoint until) {
  return m_administers || is_beyond_the_user() ? m_place->administer(until) : m_place->connect(until);
}

RedisConnection& QueueSession::redis() {
  if (!m_redis) m_redis = connect(std::max(question_deadline(m_context), m_context.runner.now() + no_answer));
  m_opened = true;
  return *m_redis;
}

void QueueSession::keep_limit() {
  if (m_context.settings.text("trim-schedule") == "off") return;
  const auto result = trim_above_limit(redis(), stream(), limit(), [this](std::int64_t) { m_context.signals.check(); });
  if (result) note_trim(result->removed);
}

std::unique_ptr<JobQueue> QueueSession::queue() {
  if (m_asynq) return std::make_unique<AsynqJobQueue>(redis(), name(), now_ms());
  return std::make_unique<StreamQueue>(redis(), stream(), group(), now_ms());
}

void QueueSession::reconnect(Duration patience) {
  m_redis.reset();
  const TimePoint until = m_context.runner.now() + patience;
  for (;;) {
    try {
      m_context.signals.check();
      if (m_opened) m_place->look_after();
      m_redis = connect(std::min(until, m_context.runner.now() + no_answer));
      // a server that loads or has no master yet is not one to go on with
      expect_no_error(m_redis->command({"EXISTS", stream()}), "to go on");
      return;
    } catch (const Error&) {
      m_redis.reset();
      if (m_context.runner.now() >= until) throw;
    }
    m_context.runner.wait({}, m_context.runner.now() + between_attempts);
  }
}

std::int64_t QueueSession::now_ms() const {
  return std::chrono::duration_cast<Duration>(m_context.clock.wall().time_since_epoch()).count();
}

std::string QueueSession::subject() const { return fmt::format("queue {} of {}", m_spec.name, m_place->subject()); }

std::string queue_command(const Context& context, const std::string& verb, const std::string& rest) {
  std::string words;
  for (const char* const name : {"stream", "queue"}) {
    if (context.settings.is_set(name) && option_chosen(context, name))
      words += fmt::format("--{} {} ", name, shell_quote(context.settings.text(name)));
  }
  return context.scope().command("queue " + verb, trim(words + rest));
}

CommandResult queue_result(const Context& context, const std::function<std::string()>& text,
                           const ordered_json& object) {
  if (context.format() == OutputFormat::table) return {text()};
  return {formatted(object, context.format())};
}

bool queue_agreed(Context& context, const std::string& question) {
  if (context.settings.flag("yes")) return true;
  const std::optional<bool> answer = context.reporter.confirm(question);
  context.signals.check();  // Ctrl-C at the question is no answer
  if (!answer) {
    throw Error(ExitCode::usage, "this asks before it changes anything, and there is no terminal to ask on",
                "add --yes, or look first with --dry-run");
  }
  return *answer;
}

std::string stream_position(const std::string& text, const std::string& option, std::int64_t now_ms) {
  if (text == "-" || text == "+" || parse_stream_id(text)) return text;
  if (const auto time = parse_rfc3339(text))
    return std::to_string(std::chrono::duration_cast<Duration>(time->time_since_epoch()).count());
  try {
    return std::to_string(std::max<std::int64_t>(0, now_ms - parse_duration(text, option).count()));
  } catch (const Error&) {
    throw Error(ExitCode::usage, fmt::format("{}: {} is neither an ID nor a time", option, in_quotes(text)),
                "give an ID (1700000000000-0), a time (2026-01-31T09:00:00Z), or how long ago (90s, 1h30m)");
  }
}

std::string age_text(Duration age) {
  using std::chrono::duration_cast;
  const auto seconds = duration_cast<std::chrono::seconds>(age).count();
  if (seconds < 1) return fmt::format("{} ms", age.count());
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 120 * 60) return fmt::format("{} min", seconds / 60);
  if (seconds < 48 * 3600) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} d", seconds / 86400);
}

ordered_json job_json(const JobView& view) {
  if (view.task) return task_json(view);
  ordered_json object = {{"id", view.job.id}, {"state", state_name(view.state)}};
  ordered_json fields = ordered_json::object();
  bool plain = true;  // an object can hold the fields
  for (const auto& [name, value] : view.job.fields) {
    plain = plain && is_utf8(name) && !fields.contains(name);
    if (plain) fields[name] = text_json(value);
  }
  if (!plain) {
    fields = ordered_json::array();
    for (const auto& [name, value] : view.job.fields) fields.push_back({text_json(name), text_json(value)});
  }
  object["fields"] = std::move(fields);
  if (view.state == JobState::pending || view.state == JobState::dead) {
    object["consumer"] = text_json(view.consumer);
    object["deliveries"] = view.deliveries;
  }
  if (view.state == JobState::pending) {
    object["idle_seconds"] = static_cast<double>(view.idle.count()) / 1000;
    object["deleted"] = view.deleted;
  }
  if (view.state == JobState::dead) {
    object["reason"] = text_json(view.reason);
    object["origin"] = view.origin;
  }
  return object;
}

}  // namespace raibid
