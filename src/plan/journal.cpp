#include "plan/journal.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/json_depth.hpp"
#include "base/strings.hpp"
#include "sys/locked_log.hpp"
#include "sys/process_table.hpp"
#include "sys/random.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace raibid {

namespace {

using nlohmann::json;

constexpr std::string_view extension = ".journal";
constexpr int format_version = 1;

/// A file name that tells keys apart, whatever is in them.
std::string file_name(const std::string& key) {
  constexpr std::size_t readable = 100;
  std::string name;
  for (const char c : key.substr(0, readable)) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    name += plain ? c : '_';
  }
  if (name != key || name.empty() || name.starts_with('.')) name = "_" + name + "-" + sha256_hex(key).substr(0, 16);
  return name.append(extension);
}

json to_json(const JournalHeader& header) {
  return {{"journal", format_version}, {"operation", header.operation}, {"subject", header.subject},
          {"pid", header.pid},         {"host", header.host},           {"started", header.started}};
}

/// A number from 0 to INT_MAX. get<int>() alone would make anything of 9e99.
int number_at(const json& entry, const char* key) {
  const json& value = entry.at(key);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::numeric_limits<int>::max()) {
    throw std::invalid_argument(fmt::format("its {} is not a number that raibid-cli writes", key));
  }
  return value.get<int>();
}

JournalHeader header_from(const json& entry) {
  if (number_at(entry, "journal") != format_version) throw std::invalid_argument("written by another version");
  return {.operation = entry.at("operation").get<std::string>(),
          .subject = entry.at("subject").get<std::string>(),
          .pid = number_at(entry, "pid"),
          .host = entry.at("host").get<std::string>(),
          .started = entry.at("started").get<std::string>()};
}

Undo undo_from(const json& entry) {
  return {.action = entry.at("action").get<std::string>(),
          .arguments = entry.at("arguments").get<std::map<std::string, std::string>>(),
          .command = entry.at("command").get<std::string>()};
}

Error damaged(const std::filesystem::path& path, std::size_t line, const std::string& why) {
  return Error(ExitCode::preflight,
               fmt::format("{}:{}: this journal of an earlier run is damaged: {}", path.string(), line, why),
               "it says what that run made and has not taken back; read it, remove what is listed by hand, then remove "
               "the file");
}

/// The journal's lock, waiting a moment for someone who only looks (`unfinished`) to let go of it.
std::optional<LockedLog> lock(const std::filesystem::path& path) {
  constexpr int tries = 10;
  for (int i = 0; i < tries; ++i) {
    if (std::optional<LockedLog> log = LockedLog::open(path)) return log;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return std::nullopt;
}

/// Who holds the lock, as far as the file says.
Error locked(const std::filesystem::path& path, const std::string& subject) {
  std::string who = "another raibid-cli";
  try {
    std::string content = read_file(path).value_or("");
    const std::vector<std::string> lines = take_lines(content);
    if (!lines.empty() && !nested_too_deeply(lines.front())) {
      const JournalHeader header = header_from(parse_json(lines.front()));
      who = printable(fmt::format("\"{}\" (process {} on {}, since {})", header.operation, header.pid, header.host,
                                  header.started));
    }
  } catch (const std::exception&) {
    // its words only make the message better
  }
  return Error(ExitCode::preflight, fmt::format("{} is at work on {}", who, subject),
               "wait until it has ended, then try again");
}

}  // namespace

Journal Journal::open(const ChangeGuard& guard, const std::filesystem::path& folder, const std::string& key,
                      const JournalHeader& header) {
  guard.check("open the journal of " + key);
  make_private_directory(folder);
  const std::filesystem::path path = folder / file_name(key);
  try {
    std::optional<LockedLog> log = lock(path);
    if (!log) throw locked(path, header.subject);
    Journal journal(std::move(*log), path);
    journal.m_subject = header.subject;
    journal.load();
    if (!journal.m_interrupted) journal.begin(header);
    return journal;
  } catch (Error& error) {
    throw error.with_code(ExitCode::preflight);
  }
}

std::optional<Journal::Left> Journal::left(const std::filesystem::path& folder, const std::string& key,
                                           const JournalHeader& header) {
  const std::filesystem::path path = folder / file_name(key);
  try {
    std::optional<LockedLog> log = LockedLog::look(path);
    std::error_code gone;
    if (!log && std::filesystem::exists(path, gone)) throw locked(path, header.subject);
    if (!log) return std::nullopt;
    Journal journal(std::move(*log), path);
    journal.load();
    if (!journal.m_interrupted) return std::nullopt;
    return Left{*journal.m_interrupted, journal.m_pending};
  } catch (Error& error) {
    throw error.with_code(ExitCode::preflight);
  }
}

std::vector<JournalHeader> Journal::unfinished(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    if (entry.path().extension() == extension) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<JournalHeader> headers;
  for (const std::filesystem::path& path : paths) {
    try {
      std::optional<LockedLog> log = LockedLog::look(path);
      if (!log) continue;
      Journal journal(std::move(*log), path);
      journal.load();
      // without a header it was killed before it had done anything; the next run of its key takes the file
      if (journal.m_interrupted) headers.push_back(*journal.m_interrupted);
    } catch (const Error& error) {
      headers.push_back({.operation = "a run", .subject = error.message(), .pid = 0, .host = {}, .started = {}});
    }
  }
  return headers;
}

std::optional<Error> Journal::taken_over() const {
  if (m_log.still_named()) return std::nullopt;
  if (std::filesystem::exists(m_path)) return locked(m_path, m_subject);
  return Error(ExitCode::preflight, fmt::format("{} is gone: someone removed the lock of this run", m_path.string()),
               "look at what is there before you go on: raibid-cli status");
}

void Journal::load() {
  std::string content = m_log.content();
  const std::size_t end = content.rfind('\n');
  content.erase(end == std::string::npos ? 0 : end + 1);
  std::size_t number = 0;
  for (const std::string& line : take_lines(content)) {
    ++number;
    try {
      read_line(line);
    } catch (const json::exception&) {
      throw damaged(m_path, number, "this line is not what raibid-cli writes");
    } catch (const std::logic_error& error) {
      throw damaged(m_path, number, error.what());
    }
  }
}

void Journal::read_line(const std::string& line) {
  if (nested_too_deeply(line)) throw std::invalid_argument("this line is nested too deeply");
  const json entry = parse_json(line);
  if (entry.contains("journal")) {
    m_interrupted = header_from(entry);
    m_pending.clear();
    m_children.clear();
  } else if (!m_interrupted) {
    throw std::invalid_argument("the first line is not a header");
  } else if (entry.contains("undo")) {
    m_pending.push_back(undo_from(entry.at("undo")));
  } else if (entry.contains("undone")) {
    const auto index = static_cast<std::size_t>(number_at(entry, "undone"));
    if (index >= m_pending.size()) throw std::invalid_argument("it undoes a step that was never recorded");
    m_pending.erase(m_pending.begin() + static_cast<std::ptrdiff_t>(index));
  } else {
    m_children[number_at(entry, "child")] = entry.at("identity").get<std::string>();
  }
}

void Journal::append(const json& entry, bool sync) {
  // what is not UTF-8 becomes U+FFFD: better than an undo that is not recorded
  m_log.append(json_text(entry), sync);
}

void Journal::begin(const JournalHeader& header) {
  try {
    write_header(header);
  } catch (const Error&) {
    m_log.remove();  // a full disk: nothing has begun, so nothing stays
    throw;
  }
}

void Journal::write_header(const JournalHeader& header) { append(to_json(header)); }

void Journal::record(const Undo& undo) {
  append({{"undo", {{"action", undo.action}, {"arguments", undo.arguments}, {"command", undo.command}}}});
  m_pending.push_back(undo);
}

void Journal::undone(std::size_t index) {
  if (index >= m_pending.size()) throw std::out_of_range("Journal::undone");
  try {
    append({{"undone", index}});
  } catch (const Error&) {
    // a full disk must not stop an undo: every one can run twice
  }
  m_pending.erase(m_pending.begin() + static_cast<std::ptrdiff_t>(index));
}

void Journal::child(int pid) {
  constexpr bool sync = false;  // after a power cut there is no child either, and every fsync makes one start later
  try {
    append({{"child", pid}, {"identity", process_identity(pid)}}, sync);
  } catch (const Error&) {
    // a full disk must not stop an undo, which needs children; and this one dies with us anyway
  }
}

std::vector<int> Journal::surviving_children() const {
  std::vector<int> pids;
  for (const auto& [pid, identity] : m_children) {
    if (!identity.empty() && process_identity(pid) == identity) pids.push_back(pid);
  }
  return pids;
}

void Journal::end_surviving_children() {
  constexpr Duration patience = std::chrono::seconds(5);
  for (const int pid : surviving_children()) {
    if (!kill_process(pid, m_children.at(pid), patience)) {
      throw Error(
          ExitCode::remains, fmt::format("process {}, which an interrupted run started, does not end", pid),
          fmt::format(
              "it would write on while we undo; find out what it waits for, end it (kill -9 {}), then try again", pid));
    }
  }
}

void Journal::close() { m_log.remove(); }

void Journal::restart(const JournalHeader& header) {
  write_header(header);
  m_interrupted.reset();
  m_pending.clear();
  m_children.clear();
}

}  // namespace raibid
