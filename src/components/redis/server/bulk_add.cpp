#include "components/redis/server/bulk_add.hpp"

#include <poll.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "sys/signals.hpp"

namespace raibid {

namespace {

/// A script of that many jobs keeps the server for a fraction of a millisecond.
constexpr std::size_t batch_jobs = 200;
constexpr std::size_t batch_bytes = 64u << 10;
constexpr const char* keep_seconds = "604800";

/// FNV-1a: it finds another input, it does not protect from one.
void add_digest(std::uint64_t& digest, std::string_view text) {
  for (const char c : text) digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
}

std::string in_hex(std::uint64_t digest) { return fmt::format("{:016x}", digest); }

}  // namespace

std::string upload_name(std::string_view text) {
  std::uint64_t digest = 0xcbf29ce484222325ULL;
  add_digest(digest, text);
  return in_hex(digest);
}

std::optional<UploadRecord> read_upload(RedisConnection& redis, const std::string& key) {
  const RedisReply reply = redis.command({"HMGET", key, "line", "digest", "ended"});
  expect_no_error(reply, "the record of an upload");
  if (reply.items.size() != 3 || reply.items[0].is_nil()) return std::nullopt;
  const std::optional<StreamId> line = parse_stream_id(reply.items[0].text);
  if (!line) throw Error(ExitCode::failure, fmt::format("{} is not the record of an upload", printable(key)));
  return UploadRecord{static_cast<std::int64_t>(line->ms), reply.items[1].text, reply.items[2].text == "1"};
}

Upload::Upload(UploadPlan plan, LineReader& input, const Signals& signals,
               std::function<void(const UploadResult&)> progress)
    : m_plan(std::move(plan)),
      m_input(input),
      m_signals(signals),
      m_progress(std::move(progress)),
      m_script(queue_script("add")),
      m_forms(m_plan.forms),
      m_previous(std::to_string(m_plan.after.line)) {
  m_result.line = m_plan.after.line;
}

void Upload::run(RedisConnection& redis) {
  if (m_plan.dry_run) {
    std::string ignored;
    for (Filled filled; !filled.end;) {
      filled = fill(ignored);
      pollfd entry{m_input.fd(), POLLIN, 0};
      if (filled.commands == 0 && !filled.end) ::poll(&entry, 1, 100);
    }
  } else {
    load_script(redis, m_script);
    expect_no_error(redis.command({"HSET", m_plan.record, "token", m_plan.token, "line",
                                   std::to_string(m_plan.after.line), "digest", m_plan.after.digest, "ended", "0"}),
                    "the record of the upload");
    expect_no_error(redis.command({"EXPIRE", m_plan.record, keep_seconds}), "the record of the upload");
    redis.stream(*this);
  }
  if (m_failure) std::rethrow_exception(m_failure);
  if (m_plan.dry_run || m_result.signal != 0) return;
  expect_no_error(redis.command({"HSET", m_plan.record, "ended", "1"}), "the record of the upload");
}

RedisFeed::Filled Upload::fill(std::string& out) {
  m_jobs = m_bytes = 0;
  try {
    while (!m_ended && !m_failure && m_jobs < batch_jobs && m_bytes < batch_bytes) {
      if (m_result.signal = m_signals.pending(); m_result.signal != 0) m_ended = true;
      const Took took = m_ended ? Took::end : take_line();
      if (took == Took::end) m_ended = true;
      if (took == Took::later) break;
    }
  } catch (...) {
    m_failure = std::current_exception();
  }
  const bool end = m_ended || m_failure != nullptr;
  if (m_jobs == 0) return {0, end};
  if (m_plan.dry_run) {
    m_result.added += static_cast<std::int64_t>(m_jobs);
    return {1, end};
  }
  append_batch(out);
  return {1, end};
}

Upload::Took Upload::take_line() {
  std::string_view line;
  const LineReader::Next next = m_input.next(line);
  if (next == LineReader::Next::later) return Took::later;
  if (next == LineReader::Next::end) {
    if (m_number < m_plan.after.line) check_beginning();
    return Took::end;
  }
  ++m_number;
  add_digest(m_digest, line);
  add_digest(m_digest, "\n");
  if (m_number <= m_plan.after.line) {
    ++m_result.skipped;
    if (m_number == m_plan.after.line) check_beginning();
    return Took::nothing;
  }
  if (trim(line).empty()) return Took::nothing;
  return take_job(line) ? Took::job : Took::nothing;
}

/// What was added before has to be what this input begins with.
void Upload::check_beginning() const {
  const bool same =
      m_number == m_plan.after.line && (m_plan.after.digest.empty() || m_plan.after.digest == in_hex(m_digest));
  if (same) return;
  throw Error(ExitCode::usage,
              fmt::format("{} is not what an earlier run added {} lines of: its beginning is another one",
                          m_input.name(), m_plan.after.line),
              "give the same input again, or add all of this one with --again");
}

bool Upload::take_job(std::string_view line) {
  if (m_jobs == m_batch.size()) m_batch.emplace_back();
  Line& entry = m_batch[m_jobs];
  std::string problem;
  try {
    if (m_plan.exported) {
      parse_export_line(line, entry.job);
      if (!m_plan.keep_ids) entry.job.id = "*";
    } else {
      parse_job_line(line, entry.job);
      problem = m_forms.problem(entry.job);
    }
  } catch (const Error& error) {
    problem = error.message();
  }
  if (!problem.empty()) {
    const std::string what = fmt::format("line {}: {}", m_number, problem);
    if (!m_plan.skip_invalid) {
      throw Error(ExitCode::usage, fmt::format("{}, {}", m_input.name(), what),
                  m_plan.forms.empty() || m_plan.exported ? "" : "a job has these fields: " + m_forms.text());
    }
    if (m_result.refused++ == 0) m_result.first_refusal = what;
    return false;
  }
  entry.number = std::to_string(m_number);
  entry.line = m_number;
  entry.digest = m_digest;
  entry.words = std::to_string(entry.job.fields.size() * 2);
  ++m_jobs;
  m_bytes += line.size();
  return true;
}

void Upload::append_batch(std::string& out) {
  const std::string limit = std::to_string(m_plan.limit);
  const std::string digest = in_hex(m_batch[m_jobs - 1].digest);
  const std::string count = std::to_string(m_jobs);
  std::vector<std::string_view> words = {"EVALSHA",    m_script.digest, "2",   m_plan.stream, m_plan.record,
                                         m_plan.token, m_previous,      limit, digest,        count};
  for (std::size_t i = 0; i < m_jobs; ++i) {
    const Line& line = m_batch[i];
    words.insert(words.end(), {line.number, line.job.id, line.words});
    for (const auto& [name, value] : line.job.fields) words.insert(words.end(), {name, value});
  }
  append_command(out, words);
  m_previous = m_batch[m_jobs - 1].number;
  std::vector<std::int64_t>& lines = m_sent.emplace_back();
  for (std::size_t i = 0; i < m_jobs; ++i) lines.push_back(m_batch[i].line);
}

void Upload::answer(RedisReply reply) {
  const std::vector<std::int64_t> lines = std::move(m_sent.front());
  m_sent.pop_front();
  if (m_refused) return;
  try {
    take_answer(reply, lines);
  } catch (...) {
    // a line that is no job comes after the lines that Redis has been sent
    m_refused = true;
    m_failure = std::current_exception();
  }
}

void Upload::take_answer(const RedisReply& reply, const std::vector<std::int64_t>& lines) {
  expect_no_error(reply, "adding jobs");
  if (reply.items.size() != 5) throw Error(ExitCode::failure, "unexpected answer from the script that adds jobs");
  const std::int64_t added = reply.items[0].integer;
  if (added == -1) {
    throw Error(ExitCode::failure, "another run that adds the same input has taken over",
                "wait for it, or find out who else adds this input");
  }
  if (added < 0) throw Error(ExitCode::failure, "the record of this upload is not where this run left it");
  if (added > 0) {
    m_result.added += added;
    m_result.line = lines.at(static_cast<std::size_t>(added) - 1);
    m_result.last_id = reply.items[1].text;
    m_result.length = reply.items[2].integer;
    m_result.trimmed += reply.items[3].integer;
    if (m_progress) m_progress(m_result);
  }
  if (static_cast<std::size_t>(added) < lines.size())
    expect_no_error({RedisReply::Type::error, reply.items[4].text, 0, {}}, "a job");
}

}  // namespace raibid
