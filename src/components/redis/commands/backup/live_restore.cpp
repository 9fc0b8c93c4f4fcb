// `restore redis --live`: into a Redis that goes on running, and whose files are someone else's.
#include "components/redis/commands/backup/live_restore.hpp"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr const char* step_name = "restore";
/// So few that large values do not pile up in memory.
constexpr const char* page_size = "50";

class LiveRestore {
 public:
  LiveRestore(Context& context, RedisConnection& from, RedisConnection& to, const DataCounts& counts,
              const std::string& sha256)
      : m_context(context), m_from(from), m_to(to), m_counts(counts), m_sha256(sha256) {}

  void run() {
    look();
    checked(m_to, {"SELECT", "0"});
    checked(m_to, {"SET", live_restore_marker, m_sha256});
    m_context.reporter.step_started(step_name);
    const TimePoint started = m_context.clock.now();
    const auto ended = [&](Mark mark, const std::string& text) {
      m_context.reporter.step_ended(step_name, mark, text,
                                    std::chrono::duration_cast<Duration>(m_context.clock.now() - started));
    };
    try {
      copy_functions();
      for_each_page([this](const std::vector<std::string>& keys) {
        m_context.signals.check();
        copy(keys);
        m_context.reporter.step_progress(step_name, counted(m_done, "key", "keys"));
      });
      compare();
    } catch (const BaseError& error) {
      ended(Mark::failed, error.message());
      m_context.signals.acknowledge();
      if (m_goes_on) leave(error.message());
      undo(error.message());
      if (const auto* const failure = dynamic_cast<const Error*>(&error)) {
        throw Error(ExitCode::rolled_back, failure->message() + "; what was written was removed again",
                    failure->hint());
      }
      throw;
    }
    checked(m_to, {"SELECT", "0"});
    checked(m_to, {"DEL", live_restore_marker});
    ended(Mark::done, counted(m_done, "key", "keys"));
  }

 private:
  /// Nothing is overwritten. A key that a killed run wrote looks like one that an application wrote since, so every key
  /// that is there stays as it is.
  void look() {
    checked(m_to, {"SELECT", "0"});
    const RedisReply marker = checked(m_to, {"GET", live_restore_marker});
    const bool has_marker = marker.type == RedisReply::Type::string;
    if (has_marker && marker.text != m_sha256) {
      throw Error(ExitCode::preflight, "another restore into this Redis was killed in its middle",
                  "run that one again; it goes on where it stopped");
    }
    m_goes_on = has_marker;
    if (m_goes_on) return;
    if (const std::int64_t keys = count_data(m_to, 0, {}).keys(); keys > 0) {
      throw Error(ExitCode::preflight,
                  fmt::format("there are {} in it: a live restore overwrites nothing", counted(keys, "key", "keys")),
                  "restore into an empty Redis");
    }
  }

  /// Each page of keys of each database, both connections being in it; the same order each time.
  void for_each_page(const std::function<void(const std::vector<std::string>&)>& act) {
    for (const auto& [number, database] : m_counts.databases) {
      checked(m_from, {"SELECT", std::to_string(number)});
      checked(m_to, {"SELECT", std::to_string(number)});
      std::string cursor = "0";
      do {
        const RedisReply page = checked(m_from, {"SCAN", cursor, "COUNT", page_size});
        cursor = page.items.at(0).text;
        std::vector<std::string> keys;
        for (const RedisReply& key : page.items.at(1).items) keys.push_back(key.text);
        if (!keys.empty()) act(keys);
      } while (cursor != "0");
    }
  }

  void copy(const std::vector<std::string>& keys) {
    std::vector<std::vector<std::string>> questions, commands;
    for (const std::string& key : keys) {
      questions.push_back({"DUMP", key});
      questions.push_back({"PEXPIRETIME", key});
    }
    const std::vector<RedisReply> values = m_from.pipeline(questions);
    for (std::size_t at = 0; at < keys.size(); ++at) {
      const RedisReply& value = values.at(2 * at);
      const std::int64_t end = values.at(2 * at + 1).integer;
      if (value.type != RedisReply::Type::string || end == -2) continue;  // its time is over
      commands.push_back({"RESTORE", keys[at], end < 0 ? "0" : std::to_string(end), value.text, "ABSTTL"});
    }
    const std::vector<RedisReply> replies = m_to.pipeline(commands);
    for (std::size_t at = 0; at < replies.size(); ++at) {
      const bool was_there = m_goes_on && replies[at].error_code() == "BUSYKEY";
      if (replies[at].is_error() && !was_there) refuse(replies[at], commands[at][1]);
      m_written.push_back(commands[at][1]);
      ++m_done;
    }
    m_written.clear();
  }

  [[noreturn]] void refuse(const RedisReply& reply, const std::string& key) {
    const std::string said = printable(reply.text);
    if (reply.error_code() == "BUSYKEY")
      throw Error(ExitCode::failure, fmt::format("key {} has come into it meanwhile", printable(key)),
                  "nobody may write to it while it is restored: stop the application");
    if (is_refused_command(reply))
      throw Error(ExitCode::failure, "this user may not restore: " + said, "the user needs +restore");
    if (said.find("payload version") != std::string::npos)
      throw Error(ExitCode::failure,
                  "the Redis there is older than the redis-server of this machine, and does not read its data",
                  "use a machine with a redis-server of its version");
    throw Error(ExitCode::failure, fmt::format("key {}: {}", printable(key), said));
  }

  /// All of them or none. Libraries of others stay; one of the same name is not overwritten.
  void copy_functions() {
    const RedisReply functions = m_from.command({"FUNCTION", "DUMP"});
    const RedisReply list = m_from.command({"FUNCTION", "LIST"});
    if (functions.is_error() || list.is_error() || list.items.empty()) return;
    const RedisReply reply = m_to.command({"FUNCTION", "RESTORE", functions.text, "APPEND"});
    if (m_goes_on && reply.is_error() && reply.text.find("already exists") != std::string::npos) return;
    if (reply.is_error()) throw Error(ExitCode::failure, "the functions: " + printable(reply.text));
    for (const RedisReply& library : list.items) {
      if (const RedisReply* const name = library.field("library_name")) m_libraries.push_back(name->text);
    }
  }

  void compare() {
    checked(m_to, {"SELECT", "0"});
    checked(m_to, {"DEL", live_restore_marker});
    const auto missing = missing_data(m_counts, count_all(m_to));
    checked(m_to, {"SELECT", "0"});
    checked(m_to, {"SET", live_restore_marker, m_sha256});
    if (!missing.empty())
      throw Error(ExitCode::failure, "Redis does not hold what the backup has: " + join(missing, "; "));
  }

  /// What is in it may be the killed run's or an application's by now: nothing is removed.
  [[noreturn]] static void leave(const std::string& why) {
    throw Error(ExitCode::remains, why + "; a part of the backup is in it since a run that was killed, and stays",
                "run the same command again, which goes on; or empty that Redis yourself");
  }

  /// Of the pages that were written: the dataset was empty, so these keys are of this restore.
  void undo(const std::string& why) {
    try {
      for (const std::string& key : m_written) checked(m_to, {"UNLINK", key});
      std::int64_t left = m_done - static_cast<std::int64_t>(m_written.size());
      for_each_page([&](const std::vector<std::string>& keys) {
        if (left <= 0) return;
        std::vector<std::vector<std::string>> commands;
        for (const std::string& key : keys) commands.push_back({"UNLINK", key});
        for (const RedisReply& reply : m_to.pipeline(commands)) {
          if (reply.is_error()) throw Error(ExitCode::failure, printable(reply.text));
        }
        left -= static_cast<std::int64_t>(keys.size());
      });
      for (const std::string& library : m_libraries) checked(m_to, {"FUNCTION", "DELETE", library});
      checked(m_to, {"SELECT", "0"});
      checked(m_to, {"DEL", live_restore_marker});
    } catch (const BaseError& error) {
      throw Error(ExitCode::remains,
                  fmt::format("{}; {} of the backup are in it, and could not be removed: {}", why,
                              counted(m_done, "key", "keys"), error.message()),
                  "run the same command again: it goes on where it stopped");
    }
  }

  Context& m_context;
  RedisConnection& m_from;
  RedisConnection& m_to;
  const DataCounts& m_counts;
  const std::string& m_sha256;
  bool m_goes_on = false;                ///< what a run that was killed wrote is there
  std::vector<std::string> m_libraries;  ///< of functions that this run has loaded
  std::int64_t m_done = 0;
  std::vector<std::string> m_written;  ///< of the page under way
};

}  // namespace

void restore_live(Context& context, RedisConnection& from, RedisConnection& to, const DataCounts& counts,
                  const std::string& sha256) {
  LiveRestore(context, from, to, counts, sha256).run();
}

}  // namespace raibid
