#include "components/redis/server/asynq_queue.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/server/script.hpp"
#include "sys/clock.hpp"

namespace raibid {

namespace {

constexpr const char* all_asynq_queues = "asynq:queues";
constexpr std::size_t asynq_page = 100;  // with their payloads in one round trip
constexpr std::size_t asynq_ids_at_once = 200;

std::string prefix_of(const std::string& name) { return "asynq:{" + name + "}:"; }

/// Scores of Redis may have a fraction.
std::int64_t whole_number(const std::string& text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string utc_day(std::int64_t now_ms) {
  return rfc3339(std::chrono::system_clock::time_point(std::chrono::milliseconds(now_ms))).substr(0, 10);
}

QueueFacts asynq_facts(const std::string& name, bool known, const RedisReply& reply, std::int64_t now_ms) {
  expect_no_error(reply, "the state of " + printable(name));
  const auto number = [&](std::size_t at) { return reply.items.at(at).integer; };
  AsynqFacts tasks;
  tasks.pending = number(0);
  tasks.active = number(1);
  tasks.scheduled = number(2);
  tasks.retry = number(3);
  tasks.archived = number(4);
  tasks.completed = number(5);
  tasks.aggregating = number(6);
  tasks.expired_leases = number(7);
  tasks.processed_today = number(8);
  tasks.failed_today = number(9);
  tasks.processed = number(10);
  tasks.failed = number(11);
  const std::string& since = reply.items.at(12).text;  // nanoseconds
  if (!since.empty())
    tasks.oldest_pending = Duration(std::max<std::int64_t>(0, now_ms - whole_number(since) / 1000000));
  QueueFacts facts;
  facts.stream = name;
  facts.length = tasks.pending + tasks.active + tasks.scheduled + tasks.retry + tasks.archived + tasks.completed +
                 tasks.aggregating;
  facts.kind = known || facts.length > 0 ? "asynq" : "none";
  facts.dead = tasks.archived;
  const std::string& paused = reply.items.at(13).text;
  if (!paused.empty()) {
    facts.paused =
        "since " + rfc3339(std::chrono::system_clock::time_point(std::chrono::seconds(whole_number(paused))));
  }
  facts.asynq = tasks;
  return facts;
}

/// A task as asynq_read.lua tells of it: ID, message, state, pending since, score, lease, result.
JobView task_of(const RedisReply& reply) {
  const std::vector<RedisReply>& part = reply.items;
  JobView view;
  view.job.id = part.at(0).text;
  view.state = parse_job_state(part.at(2).text).value_or(JobState::pending);
  view.deleted = part.at(2).text.empty();  // evicted, or deleted by hand
  AsynqTaskFacts& task = view.task.emplace();
  std::optional<AsynqMessage> message = decode_asynq_message(part.at(1).text);
  task.readable = message.has_value();
  if (message) task.message = std::move(*message);
  task.pending_since_ms = whole_number(part.at(3).text) / 1000000;
  task.score = whole_number(part.at(4).text);
  task.lease_until = whole_number(part.at(5).text);
  task.result = part.at(6).text;
  view.reason = task.message.error;
  view.deliveries = task.message.retried;
  if (task.readable && !view.deleted) {
    view.job.fields = {{"type", task.message.type}, {"payload", task.message.payload}};
    for (const auto& [name, value] : task.message.headers) view.job.fields.emplace_back("header." + name, value);
  }
  return view;
}

bool task_matches(const JobView& view, const JobFilter& filter) {
  for (const auto& [name, value] : filter.fields) {
    const std::string* found = view.job.field(name);
    if (found == nullptr || *found != value) return false;
  }
  return filter.text.empty() || view.reason.find(filter.text) != std::string::npos ||
         std::any_of(view.job.fields.begin(), view.job.fields.end(),
                     [&](const auto& field) { return field.second.find(filter.text) != std::string::npos; });
}

}  // namespace

std::vector<std::string> asynq_queue_names(RedisConnection& redis) {
  const RedisReply reply = redis.command({"SMEMBERS", all_asynq_queues});
  expect_no_error(reply, "the names of Asynq's queues");
  std::vector<std::string> names;
  for (const RedisReply& item : reply.items) names.push_back(item.text);
  std::sort(names.begin(), names.end());
  return names;
}

bool enqueue_asynq_task(RedisConnection& redis, const AsynqMessage& message) {
  const std::string what = "the task for " + printable(message.queue);
  expect_no_error(redis.command({"SADD", all_asynq_queues, message.queue}), what);
  const std::string prefix = prefix_of(message.queue);
  const RedisReply reply =
      run_script(redis, queue_script("asynq_add"), {prefix + "t:" + message.id, prefix + "pending"},
                 {encode_asynq_message(message), message.id});
  expect_no_error(reply, what);
  return reply.integer == 1;
}

std::vector<QueueFacts> read_asynq_facts(RedisConnection& redis, const std::vector<std::string>& names,
                                         std::int64_t now_ms) {
  const std::vector<std::string> known = asynq_queue_names(redis);
  const Script script = queue_script("asynq_stats");
  std::vector<ScriptCall> calls;
  for (const std::string& name : names) {
    const std::string prefix = prefix_of(name);
    calls.push_back({{prefix + "pending"}, {prefix, utc_day(now_ms), std::to_string(now_ms / 1000)}});
  }
  const std::vector<RedisReply> replies = run_reading_script(redis, script, calls);
  std::vector<QueueFacts> all;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool is_known = std::binary_search(known.begin(), known.end(), names[i]);
    all.push_back(asynq_facts(names[i], is_known, replies.at(i), now_ms));
  }
  return all;
}

QueueFacts AsynqJobQueue::facts() { return read_asynq_facts(m_redis, {m_name}, m_now_ms).front(); }

RedisReply AsynqJobQueue::read(const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {m_prefix};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return run_script(m_redis, queue_script("asynq_read"), {m_prefix + "pending"}, all, ScriptUse::reads);
}

void AsynqJobQueue::scan(const JobFilter& filter, const Take& take) {
  constexpr std::array order = {JobState::active,      JobState::pending,  JobState::retry,    JobState::scheduled,
                                JobState::aggregating, JobState::archived, JobState::completed};
  std::set<std::string> seen;  // a task may move to a state that is read later
  const Take once = [&](const JobView& view) { return !seen.insert(view.job.id).second || take(view); };
  for (const JobState state : order) {
    if (filter.state && *filter.state != state) continue;
    bool more = false;
    if (state == JobState::active || state == JobState::pending)
      more = scan_list(state, filter, once);
    else if (state == JobState::aggregating)
      more = scan_groups(filter, once);
    else
      more = scan_set(state, std::string(state_name(state)), filter, once);
    if (!more) return;
  }
}

/// The page after a task begins where that task is by then: workers take tasks away meanwhile. When it has gone, all
/// before it have too, and the page is the first one.
bool AsynqJobQueue::scan_list(JobState state, const JobFilter& filter, const Take& take) {
  std::set<std::string> seen;
  for (std::string after;;) {
    const RedisReply page = read({"list", std::string(state_name(state)), after, std::to_string(asynq_page)});
    bool progress = false;
    for (const RedisReply& item : page.items) {
      JobView view = task_of(item);
      view.state = state;
      after = view.job.id;
      if (!seen.insert(view.job.id).second) continue;
      progress = true;
      if (task_matches(view, filter) && !take(view)) return false;
    }
    if (page.items.size() < asynq_page || !progress) return true;
  }
}

/// A page begins at the last score, behind those with that score which were seen: what leaves the set at its front does
/// not move it.
bool AsynqJobQueue::scan_set(JobState state, const std::string& set, const JobFilter& filter, const Take& take) {
  std::string score = "-inf";
  std::size_t skip = 0;
  for (;;) {
    const RedisReply page = read({"set", set, score, std::to_string(skip), std::to_string(asynq_page)});
    for (const RedisReply& item : page.items) {
      JobView view = task_of(item);
      view.state = state;
      const std::string& own = item.items.at(4).text;
      skip = own == score ? skip + 1 : 1;
      score = own;
      if (task_matches(view, filter) && !take(view)) return false;
    }
    if (page.items.size() < asynq_page) return true;
  }
}

bool AsynqJobQueue::scan_groups(const JobFilter& filter, const Take& take) {
  const RedisReply groups = m_redis.command({"SMEMBERS", m_prefix + "groups"});
  expect_no_error(groups, "the groups of " + printable(m_name));
  for (const RedisReply& group : groups.items) {
    if (!scan_set(JobState::aggregating, "g:" + group.text, filter, take)) return false;
  }
  return true;
}

std::vector<JobView> AsynqJobQueue::find(const std::vector<std::string>& ids) {
  std::vector<JobView> found;
  for (const std::string& id : ids) {
    const RedisReply reply = read({"task", id});
    if (reply.items.empty()) continue;
    found.push_back(task_of(reply.items.front()));
  }
  return found;
}

std::vector<JobOutcome> AsynqJobQueue::outcomes(const char* script, const char* wanted,
                                                const std::vector<std::string>& ids) {
  const Script program = queue_script(script);
  std::vector<JobOutcome> all;
  for (std::size_t at = 0; at < ids.size(); at += asynq_ids_at_once) {
    const std::size_t end = std::min(ids.size(), at + asynq_ids_at_once);
    std::vector<std::string> arguments = {m_prefix, wanted};
    for (std::size_t i = at; i < end; ++i) arguments.push_back(ids[i]);
    const RedisReply reply = run_script(m_redis, program, {m_prefix + "pending"}, arguments);
    for (std::size_t i = at; i < end; ++i) {
      const std::string& result = reply.items.at(i - at).text;
      const bool ok = result == "now pending" || result == "removed";
      all.push_back({ids[i], result, ok});
    }
  }
  return all;
}

std::vector<JobOutcome> AsynqJobQueue::retry(const std::vector<std::string>& ids) {
  return outcomes("asynq_run", "", ids);
}

std::vector<JobOutcome> AsynqJobQueue::claim(const std::vector<std::string>&, const std::string&, Duration) {
  throw Error(ExitCode::usage, "a task of Asynq cannot be given to a worker",
              "the library's servers take back the tasks of a dead worker when its lease has expired");
}

std::vector<JobOutcome> AsynqJobQueue::remove(const std::vector<std::string>& ids) {
  return outcomes("asynq_remove", "", ids);
}

std::vector<JobOutcome> AsynqJobQueue::requeue(const std::vector<std::string>& dead_ids) {
  return outcomes("asynq_run", "archived", dead_ids);
}

std::vector<JobOutcome> AsynqJobQueue::drop_dead(const std::vector<std::string>& dead_ids) {
  return outcomes("asynq_remove", "archived", dead_ids);
}

void AsynqJobQueue::pause(const std::string&) {
  expect_no_error(m_redis.command({"SET", m_prefix + "paused", std::to_string(m_now_ms / 1000), "NX"}),
                  "pausing " + printable(m_name));
}

bool AsynqJobQueue::resume() {
  const RedisReply reply = m_redis.command({"DEL", m_prefix + "paused"});
  expect_no_error(reply, "resuming " + printable(m_name));
  return reply.integer == 1;
}

}  // namespace raibid
