// The commands that do the jobs: what they are given, and what becomes of a job when one ends.

#include <algorithm>
#include <cctype>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/queue/worker.hpp"
#include "components/redis/server/job_lines.hpp"
#include "sys/give_input.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

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

}  // namespace raibid
