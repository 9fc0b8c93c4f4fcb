#include "components/redis/commands/queue/worker.hpp"

#include <signal.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/server/queue_keys.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr Duration idle_block = std::chrono::milliseconds(500);
constexpr Duration between_reads = std::chrono::milliseconds(100);
constexpr Duration between_pause_checks = std::chrono::milliseconds(500);
constexpr Duration between_trims = std::chrono::minutes(1);
constexpr Duration reconnect_patience = std::chrono::seconds(2);

}  // namespace

Worker::Worker(QueueSession& session, WorkerPlan plan)
    : m_session(session),
      m_context(session.context()),
      m_plan(std::move(plan)),
      m_bury(queue_script("bury")),
      m_keep(queue_script("keep")),
      m_group(session.group()) {
  if (m_group.empty()) {
    throw Error(ExitCode::failure, fmt::format("stream {} has no group", m_session.stream()),
                "setup creates the preset's: " + m_context.scope().command("setup redis"));
  }
  m_session.redis();  // one that cannot be reached now is an error; later it is waited for
  m_slots.resize(m_plan.concurrency);
  const TimePoint now = m_context.runner.now();
  m_next_read = m_next_claim = m_next_pause_check = m_next_redis = m_next_trim = now;
  m_next_keep = now + m_plan.claim_after / 3;
}

WorkerResult Worker::run() {
  while (!ended()) {
    try {
      talk_to_redis();
      if (m_refusal && !holds_any() && m_acks.empty()) throw *m_refusal;
      start_jobs();
      close_inputs();
      wait();
      look_after_slots();
    } catch (const Interrupted& stop) {
      on_signal(stop.signal());
    } catch (const Error&) {
      give_back();  // the command cannot be started
      throw;
    }
  }
  give_back();
  trim_at_end();
  return m_result;
}

/// What this run has done may go as well; a worker that is told to end twice, or has lost Redis, does not try.
void Worker::trim_at_end() {
  if (m_abandoned_by != 0) return;
  try {
    m_session.keep_limit();
  } catch (const Interrupted& stop) {
    m_abandoned_by = stop.signal();
  } catch (const Error&) {
    return;  // the next command trims
  }
}

bool Worker::ended() const {
  if (m_abandoned_by != 0) return true;
  const bool at_work = std::any_of(m_slots.begin(), m_slots.end(), [](const Slot& slot) { return !slot.jobs.empty(); });
  if (at_work || !m_acks.empty() || !m_failed_for_good.empty()) return false;
  if (m_stopping) return true;
  return m_plan.until_empty && m_empty && m_ready.empty() && m_later.empty();
}

// --- Redis ---

void Worker::talk_to_redis() {
  if (m_context.runner.now() < m_next_redis) return;
  try {
    if (!m_recovered) recover();
    bury_failed();
    exchange();
    take_over();
    keep_alive();
    keep_limit();
  } catch (const Error& error) {
    // what is done is not forgotten, and acknowledged on the next connection
    complain(error);
    m_recovered = false;
    m_next_redis = m_context.runner.now() + between_complaints;
    try {
      m_session.reconnect(reconnect_patience);
    } catch (const Error& again) {
      complain(again);  // why it cannot go on: another password, or it loads its data
    }
  }
}

/// Acknowledges what is done and takes as many new jobs as there is room for, in one round trip.
void Worker::exchange() {
  const TimePoint now = m_context.runner.now();
  RedisConnection& redis = m_session.redis();
  std::vector<std::vector<std::string>> commands;
  if (!m_acks.empty()) {
    commands.push_back({"XACK", m_session.stream(), m_group});
    commands.back().insert(commands.back().end(), m_acks.begin(), m_acks.end());
  }
  if (now >= m_next_pause_check) {
    const RedisReply reply = redis.command({"EXISTS", pause_key(m_session.stream())});
    if (reply.error_code() == "NOPERM") expect_no_error(reply, "asking whether the queue is paused");
    const bool paused = reply.integer == 1;
    if (paused && !m_paused) {
      const std::string resume = "to go on: " + queue_command(m_context, "resume");
      const std::string what = fmt::format("queue {} is paused", printable(m_session.stream()));
      if (m_plan.until_empty)
        m_refusal = Error(ExitCode::failure, what + ": it would wait forever", resume);
      else
        m_context.reporter.note(what + ": no more jobs are taken; " + resume);
    }
    m_paused = paused;
    m_next_pause_check = now + between_pause_checks;
  }
  const bool wants = !m_stopping && !m_paused && room() > 0 && now >= m_next_read;
  if (wants) {
    const bool idle = !holds_any() && m_acks.empty() && !m_plan.until_empty;
    commands.push_back({"XREADGROUP", "GROUP", m_group, m_plan.consumer, "COUNT", std::to_string(room())});
    if (idle) commands.back().insert(commands.back().end(), {"BLOCK", std::to_string(idle_block.count())});
    commands.back().insert(commands.back().end(), {"STREAMS", m_session.stream(), ">"});
  }
  if (commands.empty()) return;
  std::vector<RedisReply> replies = redis.pipeline(commands);
  if (!m_acks.empty()) {
    expect_no_error(replies.front(), "acknowledging jobs");
    m_result.taken_over += static_cast<std::int64_t>(m_acks.size()) - replies.front().integer;
    m_acks.clear();
  }
  if (!wants) return;
  expect_no_error(replies.back(), "taking jobs");
  m_complaint.clear();
  m_empty = replies.back().items.empty();
  if (m_empty) {
    m_next_read = m_context.runner.now() + (!holds_any() && !m_plan.until_empty ? Duration(0) : between_reads);
    return;
  }
  take_entries(entries_of(std::move(replies.back().items.at(0).items.at(1))), true);
}

void Worker::take_entries(std::vector<StreamEntry>&& entries, bool is_new) {
  std::vector<std::vector<std::string>> questions;
  if (!is_new) {
    for (const StreamEntry& entry : entries)
      questions.push_back({"XPENDING", m_session.stream(), m_group, entry.id, entry.id, "1"});
  }
  const std::vector<RedisReply> known = is_new ? std::vector<RedisReply>{} : m_session.redis().pipeline(questions);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    Job job{std::move(entries[i]), 1};
    if (!is_new && holds(job.entry.id)) continue;
    if (!is_new) {
      expect_no_error(known[i], "asking for a job's deliveries");
      if (known[i].items.empty()) continue;  // done meanwhile
      job.attempt = known[i].items[0].items.at(3).integer;
    }
    if (job.attempt > m_plan.deliveries) {
      // its consumers went down with it, one after the other
      m_failed_for_good.emplace_back(job.entry.id, fmt::format("delivered {} times, and never done", job.attempt - 1));
    } else {
      m_ready.push_back(std::move(job));
    }
  }
}

/// Jobs that other consumers have had for too long.
void Worker::take_over() {
  const TimePoint now = m_context.runner.now();
  if (m_stopping || m_paused || room() == 0 || now < m_next_claim) return;
  RedisReply reply = m_session.redis().command({"XAUTOCLAIM", m_session.stream(), m_group, m_plan.consumer,
                                                std::to_string(m_plan.claim_after.count()), m_claim_cursor, "COUNT",
                                                std::to_string(room())});
  expect_no_error(reply, "taking over jobs");
  m_claim_cursor = reply.items.at(0).text;
  if (reply.items.size() > 2 && !reply.items[2].items.empty()) {
    m_context.reporter.warning(
        fmt::format("{} pending, and not in the stream any more: trimmed or deleted before they were done",
                    counted(static_cast<std::int64_t>(reply.items[2].items.size()), "job was", "jobs were")));
  }
  std::vector<StreamEntry> entries = entries_of(std::move(reply.items.at(1)));
  const bool all_seen = m_claim_cursor == "0-0";
  m_next_claim =
      now +
      (all_seen && entries.empty() ? std::min<Duration>(m_plan.claim_after / 4, std::chrono::seconds(5)) : Duration(0));
  if (!entries.empty() || !all_seen) m_empty = false;
  take_entries(std::move(entries), false);
}

/// Says that the jobs in hand are being worked on, so that nobody takes them over.
void Worker::keep_alive() {
  const TimePoint now = m_context.runner.now();
  const std::vector<std::string> ids = held_ids();
  if (now < m_next_keep || ids.empty()) return;
  m_next_keep = now + m_plan.claim_after / 3;
  std::vector<std::string> arguments = {m_group, m_plan.consumer, "keep"};
  arguments.insert(arguments.end(), ids.begin(), ids.end());
  const RedisReply lost = run_script(m_session.redis(), m_keep, {m_session.stream()}, arguments);
  std::erase_if(m_later, [&](const Later& later) {
    return std::any_of(lost.items.begin(), lost.items.end(),
                       [&](const RedisReply& id) { return id.text == later.job.entry.id; });
  });
}

/// Finished jobs stay in a stream, so a worker keeps it within its limit.
void Worker::keep_limit() {
  if (m_context.runner.now() < m_next_trim) return;
  m_next_trim = m_context.runner.now() + between_trims;
  try {
    m_session.keep_limit();
  } catch (const Error& error) {
    // a user who may not trim can still do jobs; a connection that broke shows at the next command
    if (!std::exchange(m_trim_refused, true))
      m_context.reporter.warning("the stream is not trimmed to its limit: " + error.message());
  }
}

/// After a (re)connect: jobs that are this consumer's in Redis, and that it has never heard of.
void Worker::recover() {
  std::string after = "0-0";
  for (;;) {
    RedisReply reply = m_session.redis().command(
        {"XREADGROUP", "GROUP", m_group, m_plan.consumer, "COUNT", "100", "STREAMS", m_session.stream(), after});
    expect_no_error(reply, "asking for this consumer's jobs");
    if (reply.items.empty()) break;
    std::vector<RedisReply>& items = reply.items.at(0).items.at(1).items;
    if (items.empty()) break;
    after = items.back().items.at(0).text;
    std::erase_if(items, [](const RedisReply& item) { return item.items.size() != 2 || item.items[1].is_nil(); });
    take_entries(entries_of(std::move(reply.items.at(0).items.at(1))), false);
  }
  m_recovered = true;
}

void Worker::bury_failed() {
  while (!m_failed_for_good.empty()) {
    const auto& [id, reason] = m_failed_for_good.back();
    const RedisReply reply =
        run_script(m_session.redis(), m_bury, {m_session.stream(), dead_letters_key(m_session.stream())},
                   {m_group, reason, m_plan.consumer, id});
    if (parse_stream_id(reply.items.at(0).text)) {
      ++m_result.dead;
      m_context.reporter.warning(fmt::format("job {} is dead: {}", id, printable(reason)));
    }
    m_failed_for_good.pop_back();
  }
}

bool Worker::holds(const std::string& id) const {
  const std::vector<std::string> ids = held_ids();
  return std::find(ids.begin(), ids.end(), id) != ids.end() ||
         std::find(m_acks.begin(), m_acks.end(), id) != m_acks.end() ||
         std::any_of(m_failed_for_good.begin(), m_failed_for_good.end(),
                     [&](const auto& failed) { return failed.first == id; });
}

bool Worker::holds_any() const {
  return !m_ready.empty() || !m_later.empty() ||
         std::any_of(m_slots.begin(), m_slots.end(), [](const Slot& slot) { return !slot.jobs.empty(); });
}

std::vector<std::string> Worker::held_ids() const {
  std::vector<std::string> ids;
  for (const Job& job : m_ready) ids.push_back(job.entry.id);
  for (const Later& later : m_later) ids.push_back(later.job.entry.id);
  for (const Slot& slot : m_slots) {
    for (const Job& job : slot.jobs) ids.push_back(job.entry.id);
  }
  return ids;
}

// --- the end ---

void Worker::on_signal(int signal) {
  m_context.signals.acknowledge();
  if (m_stopping) {
    m_abandoned_by = signal;
    return;
  }
  m_stopping = true;
  std::int64_t running = 0;
  for (const Slot& slot : m_slots) running += static_cast<std::int64_t>(slot.jobs.size());
  m_context.reporter.note(fmt::format(
      "{}: takes no more jobs{}", signal == SIGINT ? "interrupted" : "asked to end",
      running == 0 ? "" : fmt::format(" and finishes {}; once more gives them back", counted(running, "job", "jobs"))));
}

/// What is in hand and not done is for anybody who claims it.
void Worker::give_back() {
  end_commands();
  try {
    if (!m_acks.empty()) exchange();
    const std::vector<std::string> ids = held_ids();
    std::vector<std::string> arguments = {m_group, m_plan.consumer, "give"};
    arguments.insert(arguments.end(), ids.begin(), ids.end());
    run_script(m_session.redis(), m_keep, {m_session.stream()}, arguments);
    m_result.given_back = static_cast<std::int64_t>(ids.size());
  } catch (const Error& error) {
    m_context.reporter.warning(
        fmt::format("what was in hand could not be given back ({}): others take it over after their --claim-after",
                    error.message()));
  }
}

/// Once, until something goes well again.
void Worker::complain(const Error& error) {
  complain(error.message() + (error.hint().empty() ? "" : "; " + error.hint()));
}

void Worker::complain(const std::string& what) {
  if (what == m_complaint) return;
  m_complaint = what;
  m_context.reporter.warning(what);
}

}  // namespace raibid
