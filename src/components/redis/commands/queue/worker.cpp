#include "components/redis/commands/queue/worker.hpp"

#include <signal.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/server/job_lines.hpp"
#include "components/redis/server/queue_keys.hpp"
#include "sys/give_input.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr Duration idle_block = std::chrono::milliseconds(500);
constexpr Duration between_reads = std::chrono::milliseconds(100);
constexpr Duration between_pause_checks = std::chrono::milliseconds(500);
constexpr Duration between_trims = std::chrono::minutes(1);
constexpr Duration between_complaints = std::chrono::seconds(1);
constexpr Duration reconnect_patience = std::chrono::seconds(2);
constexpr Duration end_patience = std::chrono::seconds(5);
constexpr Duration longest_backoff = std::chrono::minutes(1);
constexpr std::size_t batch_room = 500;
constexpr std::size_t longest_variable = 100u << 10;  // Linux allows 128 KiB for one

/// "job_type" → "JOB_TYPE", "priority" → "JOB_PRIORITY"
std::string variable_of(const std::string& field) {
  std::string name;
  for (const char c : field) {
    const auto byte = static_cast<unsigned char>(c);
    name += std::isalnum(byte) != 0 && byte < 0x80 ? static_cast<char>(std::toupper(byte)) : '_';
  }
  return name.starts_with("JOB_") ? name : "JOB_" + name;
}

std::string fields_object(const StreamEntry& job) {
  std::string line;
  append_export_line(line, job);
  return line;
}

std::string how_it_ended(const Process& process) {
  const int status = process.status();
  return status > 128 ? fmt::format("signal {}", status - 128) : fmt::format("exit code {}", status);
}

}  // namespace

JobInput job_input(const StreamEntry& job, const std::string& stream, std::int64_t attempt) {
  JobInput made;
  std::string omitted;
  for (const auto& [name, value] : job.fields) {
    if (value.size() > longest_variable || value.find('\0') != std::string::npos) {
      omitted += (omitted.empty() ? "" : " ") + variable_of(name);
    } else {
      made.environment.emplace_back(variable_of(name), value);
    }
  }
  made.environment.insert(made.environment.end(), {{"JOB_ENTRY_ID", job.id},
                                                   {"JOB_STREAM", stream},
                                                   {"JOB_ATTEMPT", std::to_string(attempt)},
                                                   {"JOB_OMITTED", omitted}});
  const std::string* payload = job.field("payload");
  if (payload == nullptr) payload = job.field("job");
  made.input = payload != nullptr ? *payload : fields_object(job);
  return made;
}

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

// --- commands ---

/// How many jobs more could be started. Jobs that wait for their next attempt keep their place: what fails for all jobs
/// must not empty the queue into this worker.
std::size_t Worker::room() const {
  const std::size_t all = m_plan.concurrency * (m_plan.batch ? batch_room : 1);
  std::size_t used = m_ready.size();
  for (const Slot& slot : m_slots) used += slot.jobs.size();
  const std::size_t waiting = m_later.size() > 4 * all ? all : 0;
  return used + waiting >= all ? 0 : all - used;
}

void Worker::start_jobs() {
  const TimePoint now = m_context.runner.now();
  for (std::size_t i = 0; i < m_later.size() && !m_stopping;) {
    if (m_later[i].due > now) {
      ++i;
      continue;
    }
    // another delivery, so that a worker that dies of it is counted
    Job job = std::move(m_later[i].job);
    m_later.erase(m_later.begin() + static_cast<std::ptrdiff_t>(i));
    RedisReply reply;
    try {
      reply = m_session.redis().command({"XCLAIM", m_session.stream(), m_group, m_plan.consumer, "0", job.entry.id});
      expect_no_error(reply, "trying a job again");
    } catch (const Error& error) {
      m_later.push_back({std::move(job), now + between_complaints});
      m_recovered = false;
      m_next_redis = now;
      complain(error);
      return;
    }
    if (entries_of(std::move(reply)).empty()) continue;  // removed, or done by another
    ++job.attempt;
    m_ready.push_front(std::move(job));
  }
  while (!m_ready.empty() && !m_stopping) {
    const auto free = std::find_if(m_slots.begin(), m_slots.end(), [&](const Slot& slot) {
      return m_plan.batch ? slot.jobs.size() < batch_room && !slot.closed : slot.jobs.empty();
    });
    if (free == m_slots.end()) return;
    Job job = std::move(m_ready.front());
    m_ready.pop_front();
    if (m_plan.batch) {
      give_to_batch(std::move(job));
    } else {
      start(std::move(job));
    }
  }
}

void Worker::start(Job&& job) {
  const auto free = std::find_if(m_slots.begin(), m_slots.end(), [](const Slot& slot) { return slot.jobs.empty(); });
  JobInput input = job_input(job.entry, m_session.stream(), job.attempt);
  Command command{m_plan.command, std::move(input.input), std::move(input.environment)};
  try {
    free->process = m_context.runner.start(command);
  } catch (...) {
    m_ready.push_front(std::move(job));
    throw;
  }
  free->until = m_context.runner.now() + m_plan.job_timeout;
  free->jobs.push_back(std::move(job));
}

/// To the command that has least to do.
void Worker::give_to_batch(Job&& job) {
  const auto rank = [](const Slot& slot) { return std::pair(slot.closed, slot.jobs.size()); };
  const auto slot =
      std::min_element(m_slots.begin(), m_slots.end(), [&](const Slot& a, const Slot& b) { return rank(a) < rank(b); });
  if (!slot->process) {
    Command command{m_plan.command, "", {{"JOB_STREAM", m_session.stream()}}};
    command.input_follows = true;
    try {
      slot->process = m_context.runner.start(command);
    } catch (...) {
      m_ready.push_front(std::move(job));
      throw;
    }
  }
  if (slot->jobs.empty()) slot->until = m_context.runner.now() + m_plan.job_timeout;
  give_input(*slot->process, fields_object(job.entry));
  slot->jobs.push_back(std::move(job));
}

/// When nothing follows, a batch command reads the end of its input: one that buffers what it reads, as mawk does,
/// would never print its last answers.
void Worker::close_inputs() {
  const bool nothing_follows = m_stopping || (m_plan.until_empty && m_empty && m_later.empty());
  if (!m_plan.batch || !nothing_follows || (!m_ready.empty() && !m_stopping)) return;
  for (Slot& slot : m_slots) {
    if (slot.process && !slot.closed) slot.process->feed("");
    slot.closed = slot.process != nullptr;
  }
}

void Worker::wait() {
  std::vector<Process*> processes;
  bool busy = false;
  TimePoint until = m_context.runner.now() + std::chrono::seconds(1);
  for (const Slot& slot : m_slots) {
    if (!slot.process) continue;
    processes.push_back(slot.process.get());
    busy = busy || !slot.jobs.empty();
    if (m_plan.job_timeout.count() > 0 && !slot.jobs.empty()) until = std::min(until, slot.until);
  }
  for (const Later& later : m_later) until = std::min(until, later.due);
  if (!m_acks.empty() || !m_failed_for_good.empty()) until = m_next_redis;
  const bool polls = !m_stopping && room() > 0;
  if (polls)
    until = std::min(until, std::max({m_next_read, m_next_redis, m_paused ? m_next_pause_check : m_next_read}));
  m_context.runner.wait(processes, until);
}

void Worker::look_after_slots() {
  for (Slot& slot : m_slots) {
    if (!slot.process) continue;
    if (m_plan.batch) {
      look_after_batch(slot);
    } else {
      print_output(slot);
    }
    const bool late = m_plan.job_timeout.count() > 0 && !slot.jobs.empty() && !slot.process->finished() &&
                      m_context.runner.now() >= slot.until;
    if (late) slot.process->end();
    if (slot.process->finished()) take_end(slot, late);
  }
}

void Worker::take_end(Slot& slot, bool late) {
  std::string reason = how_it_ended(*slot.process);
  if (late) reason = fmt::format("not done within {} s", std::chrono::duration<double>(m_plan.job_timeout).count());
  const bool success = !m_plan.batch && !late && slot.process->status() == 0;
  slot.process.reset();
  slot.closed = false;
  for (bool first = true; !slot.jobs.empty(); first = false) {
    Job job = std::move(slot.jobs.front());
    slot.jobs.pop_front();
    if (success) {
      job_done(job);
    } else if (first) {
      job_failed(std::move(job), reason);
    } else {
      m_ready.push_back(std::move(job));  // it was not its turn
    }
  }
}

/// A line for each job, in their order: "ok", or why not.
void Worker::look_after_batch(Slot& slot) {
  for (const std::string& line : take_lines(slot.process->out())) {
    if (slot.jobs.empty()) {
      complain("the command answers more lines than it was given jobs: " + in_quotes(line));
      continue;
    }
    Job job = std::move(slot.jobs.front());
    slot.jobs.pop_front();
    slot.until = m_context.runner.now() + m_plan.job_timeout;
    if (trim(line) == "ok") {
      job_done(job);
    } else {
      job_failed(std::move(job), std::string(trim(line)));
    }
  }
  for (const std::string& line : take_lines(slot.process->err())) m_context.reporter.note(printable(line));
}

void Worker::print_output(Slot& slot) {
  std::string& out = slot.process->out();
  m_context.results << out << std::flush;
  out.clear();
  std::string& err = slot.process->err();
  for (const std::string& line : take_lines(err)) m_context.reporter.note(printable(line));
  if (!slot.process->finished()) return;
  if (!err.empty()) m_context.reporter.note(printable(err));
  err.clear();
}

void Worker::job_done(const Job& job) {
  ++m_result.done;
  m_acks.push_back(job.entry.id);
  m_next_read = m_context.runner.now();
}

void Worker::job_failed(Job&& job, const std::string& reason) {
  ++m_result.failed;
  if (job.attempt >= m_plan.deliveries) {
    m_failed_for_good.emplace_back(job.entry.id, reason);
    return;
  }
  const int doublings = static_cast<int>(std::min<std::int64_t>(job.attempt - 1, 16));
  const Duration pause = std::min<Duration>(m_plan.backoff * (1LL << doublings), longest_backoff);
  m_context.reporter.note(fmt::format("job {} failed ({}), attempt {} of {}", job.entry.id, printable(reason),
                                      job.attempt, m_plan.deliveries));
  m_later.push_back({std::move(job), m_context.runner.now() + pause});
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

/// A batch command without jobs reads the end of its input; others are ended.
void Worker::end_commands() {
  for (Slot& slot : m_slots) {
    if (!slot.process) continue;
    if (m_plan.batch && slot.jobs.empty() && m_abandoned_by == 0) {
      if (!slot.closed) slot.process->feed("");
      finish(m_context.runner, *slot.process, m_context.runner.now() + end_patience);
    }
    slot.process->end();
  }
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
