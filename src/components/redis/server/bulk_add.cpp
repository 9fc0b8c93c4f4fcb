#include "components/redis/server/bulk_add.hpp"

#include <poll.h>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "assets/assets.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "sys/signals.hpp"

namespace raibid {

namespace {

/// That many jobs keep the server for about a millisecond.
constexpr std::size_t batch_jobs = 500;
constexpr std::size_t batch_bytes = 64u << 10;
constexpr const char* keep_seconds = "604800";
constexpr int most_turns = 20;
constexpr const char* trim_budget = "2000";  // microseconds of the server, after a batch

/// FNV-1a: it finds another input, it does not protect from one.
void add_digest(std::uint64_t& digest, std::string_view text) {
  for (const char c : text) digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
}

std::string in_hex(std::uint64_t digest) { return fmt::format("{:016x}", digest); }

[[noreturn]] void refuse_record(const std::string& key) {
  throw Error(ExitCode::failure, fmt::format("{} is not the record of an upload", printable(key)));
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

/// "501-1000 1501-2000 "
std::vector<UploadRecord::Lines> parse_lines(const std::string& key, const std::string& text) {
  std::vector<UploadRecord::Lines> result;
  for (const std::string& part : split(text, ' ')) {
    if (part.empty()) continue;
    const std::size_t dash = part.find('-');
    const std::optional<std::int64_t> first = parse_number(part.substr(0, dash));
    const std::optional<std::int64_t> last =
        parse_number(dash == std::string::npos ? std::string() : part.substr(dash + 1));
    if (!first || !last) refuse_record(key);
    result.push_back({*first, *last});
  }
  return result;
}

std::string connection_name(const std::string& token) { return "raibid-add:" + token; }

/// The ID of the connection with this name in the text of CLIENT LIST; "" when there is none.
std::string connection_called(const std::string& clients, const std::string& name) {
  for (const std::string& line : split(clients, '\n')) {
    if (line.find(" name=" + name + " ") == std::string::npos || !line.starts_with("id=")) continue;
    return line.substr(3, line.find(' ') - 3);
  }
  return "";
}

}  // namespace

std::string upload_name(std::string_view text) {
  std::uint64_t digest = 0xcbf29ce484222325ULL;
  add_digest(digest, text);
  return in_hex(digest);
}

std::optional<UploadRecord> read_upload(RedisConnection& redis, const std::string& key) {
  const RedisReply reply = redis.command({"HMGET", key, "line", "digest", "ended", "token", "transactions", "beyond"});
  expect_no_error(reply, "the record of an upload");
  if (reply.items.size() != 6 || reply.items[0].is_nil()) return std::nullopt;
  UploadRecord record;
  const std::optional<std::int64_t> line = parse_number(reply.items[0].text);
  if (!line) refuse_record(key);
  record.line = *line;
  record.digest = reply.items[1].text;
  record.ended = reply.items[2].text == "1";
  record.token = reply.items[3].text;
  record.transactions = reply.items[4].text == "1";
  record.beyond = parse_lines(key, reply.items[5].text);
  return record;
}

bool UploadRecord::has(std::int64_t number) const {
  return number <= line || std::any_of(beyond.begin(), beyond.end(), [&](const Lines& lines) {
           return lines.first <= number && number <= lines.last;
         });
}

Upload::Upload(UploadPlan plan, LineReader& input, const Signals& signals,
               std::function<void(const UploadResult&)> progress)
    : m_plan(std::move(plan)),
      m_input(input),
      m_signals(signals),
      m_progress(std::move(progress)),
      m_script(queue_script("add")),
      m_mark(asset("scripts/queue/mark.lua")),
      m_trim(queue_script("trim").text),
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
    begin(redis);
    redis.stream(*this);
  }
  if (m_failure) std::rethrow_exception(m_failure);
  if (m_plan.dry_run) return;
  if (m_transactions) {
    const Script trim = queue_script("trim");
    for (bool more = over_limit(); more && over_limit();)
      more = take_trim(run_script(redis, trim, {m_plan.stream}, {std::to_string(m_plan.limit), "-", trim_budget, ""}));
  }
  if (m_result.signal != 0) return;
  expect_no_error(redis.command({"HSET", m_plan.record, "ended", "1"}), "the record of the upload");
}

/// Makes sure that no earlier run adds anything more, and writes down where this one begins. Two runs that begin at
/// once take turns: the record goes from one token to the next in one step, and only after the connection of the one
/// before has ended, so that whatever it added is in the record.
void Upload::begin(RedisConnection& redis) {
  const std::string mine = connection_name(m_plan.token);
  const bool named = !redis.command({"CLIENT", "SETNAME", mine}).is_error();
  for (int turn = 0; turn < most_turns; ++turn) {
    const std::optional<UploadRecord> before = read_upload(redis, m_plan.record);
    m_transactions = end_earlier_run(redis, before, named) && !m_plan.keep_ids;
    const RedisReply taken = run_script(redis, queue_script("take"), {m_plan.record},
                                        {before ? before->token : "", m_plan.token, m_plan.resumes ? "1" : "",
                                         m_transactions ? "1" : "0", keep_seconds});
    if (taken.integer != 1) continue;
    if (m_plan.resumes) m_plan.after = read_upload(redis, m_plan.record).value_or(UploadRecord{});
    m_previous = std::to_string(m_plan.after.line);
    m_result.line = m_plan.after.line;
    if (!m_transactions) m_keeps_scripts = !redis.command({"SCRIPT", "LOAD", m_script.text}).is_error();
    return;
  }
  throw Error(ExitCode::preflight, "other runs add the same input at the same moment", "wait for them, then run again");
}

/// Ends the connection of the run which wrote the record: what it sent and the server has not read yet goes with it.
/// False where this user may not do that; `named` says whether this connection has its name. Throws Error (preflight)
/// when a run that used transactions cannot be ended.
bool Upload::end_earlier_run(RedisConnection& redis, const std::optional<UploadRecord>& before, bool named) const {
  const RedisReply clients = redis.command({"CLIENT", "LIST"});
  const bool seen =
      named && !clients.is_error() && !connection_called(clients.text, connection_name(m_plan.token)).empty();
  // nobody has this address: the answer tells whether a connection may be ended
  const RedisReply right = redis.command({"CLIENT", "KILL", "ADDR", "0.0.0.0:0"});
  bool may = seen && (!right.is_error() || right.error_code() != "NOPERM");
  const std::string other = before && may ? connection_called(clients.text, connection_name(before->token)) : "";
  if (!other.empty()) may = !redis.command({"CLIENT", "KILL", "ID", other}).is_error();
  if (!may && before && before->transactions && !before->ended) {
    throw Error(ExitCode::preflight,
                "an earlier run may still be adding this input, and this user may not end its connection",
                "use a user that may CLIENT LIST and CLIENT KILL");
  }
  return may;
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
  std::size_t commands = append_batch(out);
  if (m_transactions && over_limit() && !m_trimming) commands += append_trim(out);
  return {commands, end};
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
  if (m_plan.after.has(m_number)) {
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

std::size_t Upload::append_batch(std::string& out) {
  const std::string digest = in_hex(m_batch[m_jobs - 1].digest);
  Batch& batch = m_sent.emplace_back();
  for (std::size_t i = 0; i < m_jobs; ++i) batch.lines.push_back(m_batch[i].line);
  if (m_transactions) {
    batch.replies = append_transaction(out, digest);
  } else {
    const std::string limit = std::to_string(m_plan.limit);
    const std::string count = std::to_string(m_jobs);
    std::vector<std::string_view> words = {m_keeps_scripts ? "EVALSHA" : "EVAL",
                                           m_keeps_scripts ? m_script.digest : m_script.text,
                                           "2",
                                           m_plan.stream,
                                           m_plan.record,
                                           m_plan.token,
                                           m_previous,
                                           limit,
                                           digest,
                                           count};
    for (std::size_t i = 0; i < m_jobs; ++i) {
      const Line& line = m_batch[i];
      words.insert(words.end(), {line.number, line.job.id, line.words});
      for (const auto& [name, value] : line.job.fields) words.insert(words.end(), {name, value});
    }
    append_command(out, words);
  }
  m_previous = m_batch[m_jobs - 1].number;
  return batch.replies;
}

std::size_t Upload::append_transaction(std::string& out, const std::string& digest) {
  std::vector<std::string_view> words = {"MULTI"};
  append_command(out, words);
  for (std::size_t i = 0; i < m_jobs; ++i) {
    words = {"XADD", m_plan.stream, "*"};
    for (const auto& [name, value] : m_batch[i].job.fields) words.insert(words.end(), {name, value});
    append_command(out, words);
  }
  words = {"EVAL",
           m_mark,
           "2",
           m_plan.stream,
           m_plan.record,
           m_plan.token,
           m_previous,
           m_batch[0].number,
           m_batch[m_jobs - 1].number,
           digest};
  append_command(out, words);
  words = {"EXEC"};
  append_command(out, words);
  return m_jobs + 3;
}

/// At most one is on its way.
std::size_t Upload::append_trim(std::string& out) {
  const std::string limit = std::to_string(m_plan.limit);
  append_command(out, std::vector<std::string_view>{"EVAL", m_trim, "1", m_plan.stream, limit, "-", trim_budget, ""});
  m_sent.emplace_back();
  m_trimming = true;
  return 1;
}

bool Upload::over_limit() const { return m_plan.limit > 0 && m_result.length > m_plan.limit; }

/// Whether there may be more to trim. A stream without groups stays as it is: nobody can say what is done.
bool Upload::take_trim(const RedisReply& reply) {
  expect_no_error(reply, "trimming the stream");
  if (reply.items.size() < 4 || reply.items[0].text != "ok") return false;
  m_result.trimmed += reply.items[1].integer;
  m_result.length = reply.items[3].integer - reply.items[1].integer;
  return reply.items[2].integer != 0;
}

void Upload::answer(RedisReply reply) {
  Batch& front = m_sent.front();
  if (--front.replies > 0) {
    if (reply.is_error() && !front.refusal.is_error()) front.refusal = std::move(reply);
    return;
  }
  const Batch batch = std::move(front);
  m_sent.pop_front();
  if (m_refused && !m_transactions) return;
  try {
    if (batch.lines.empty()) {
      m_trimming = false;
      take_trim(reply);
    } else if (m_transactions)
      take_transaction(reply, batch);
    else
      take_answer(reply, batch);
  } catch (...) {
    // the first failure is the one that is told
    if (!m_refused) m_failure = std::current_exception();
    m_refused = true;
  }
}

void Upload::take_transaction(const RedisReply& reply, const Batch& batch) {
  if (batch.refusal.is_error()) expect_no_error(batch.refusal, "adding jobs");
  expect_no_error(reply, "adding jobs");
  if (reply.items.size() != batch.lines.size() + 1)
    throw Error(ExitCode::failure, "unexpected answer to the transaction that adds jobs");
  for (const RedisReply& item : reply.items) expect_no_error(item, "adding jobs");
  const std::int64_t length = reply.items.back().integer;
  if (length < 0) throw Error(ExitCode::failure, "another run that adds the same input has taken over");
  m_result.last_id = reply.items[batch.lines.size() - 1].text;
  take_added(m_refused ? m_result.line : batch.lines.back(), static_cast<std::int64_t>(batch.lines.size()), length);
}

void Upload::take_added(std::int64_t line, std::int64_t jobs, std::int64_t length) {
  m_result.added += jobs;
  m_result.line = line;
  m_result.length = length;
  if (m_progress) m_progress(m_result);
}

void Upload::take_answer(const RedisReply& reply, const Batch& batch) {
  expect_no_error(reply, "adding jobs");
  if (reply.items.size() != 5) throw Error(ExitCode::failure, "unexpected answer from the script that adds jobs");
  const std::int64_t added = reply.items[0].integer;
  if (added == -1) {
    throw Error(ExitCode::failure, "another run that adds the same input has taken over",
                "wait for it, or find out who else adds this input");
  }
  if (added < 0) throw Error(ExitCode::failure, "the record of this upload is not where this run left it");
  if (added > 0) {
    m_result.last_id = reply.items[1].text;
    m_result.trimmed += reply.items[3].integer;
    take_added(batch.lines.at(static_cast<std::size_t>(added) - 1), added, reply.items[2].integer);
  }
  if (static_cast<std::size_t>(added) < batch.lines.size())
    expect_no_error({RedisReply::Type::error, reply.items[4].text, 0, {}}, "a job");
}

}  // namespace raibid
