// `queue tail`: the last jobs, and with -f every new one, across reconnects and restarts.
#include "components/redis/commands/queue/tail.hpp"

#include <nlohmann/json.hpp>

#include <signal.h>

#include <algorithm>
#include <ostream>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/queue/queue.hpp"
#include "components/redis/commands/queue/queue_session.hpp"
#include "components/redis/server/job_lines.hpp"
#include "components/redis/server/script.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr const char* block_ms = "500";
constexpr const char* at_once = "200";
constexpr Duration patience = std::chrono::minutes(10);

class Tail {
 public:
  explicit Tail(QueueSession& session) : m_session(session) {}

  /// The last `count`, oldest first.
  void begin(std::int64_t count) {
    RedisReply reply = m_session.redis().command(
        {"XREVRANGE", m_session.stream(), "+", "-", "COUNT", std::to_string(std::max<std::int64_t>(count, 1))});
    expect_no_error(reply, "reading " + printable(m_session.stream()));
    std::vector<StreamEntry> entries = entries_of(std::move(reply));
    if (!entries.empty()) m_last = *parse_stream_id(entries.front().id);
    if (entries.empty()) m_last = last_generated();
    std::reverse(entries.begin(), entries.end());
    if (count > 0) print(entries);
  }

  void follow() {
    for (;;) {
      m_session.context().signals.check();
      try {
        take();
      } catch (const Error& error) {
        again(error);
      }
    }
  }

 private:
  StreamId last_generated() {
    const RedisReply reply = m_session.redis().command({"XINFO", "STREAM", m_session.stream()});
    const RedisReply* last = reply.is_error() ? nullptr : reply.field("last-generated-id");
    return last == nullptr ? StreamId{} : parse_stream_id(last->text).value_or(StreamId{});
  }

  void take() {
    RedisReply reply = m_session.redis().command(
        {"XREAD", "COUNT", at_once, "BLOCK", block_ms, "STREAMS", m_session.stream(), m_last.text()});
    expect_no_error(reply, "reading " + printable(m_session.stream()));
    if (reply.items.empty()) return;
    const std::vector<StreamEntry> entries = entries_of(std::move(reply.items.at(0).items.at(1)));
    print(entries);
    if (!entries.empty()) m_last = *parse_stream_id(entries.back().id);
  }

  /// The ID that was printed last is where the next connection goes on: nothing is missed and nothing comes twice.
  void again(const Error& error) {
    Context& context = m_session.context();
    context.reporter.warning(error.message() + "; connecting again");
    m_session.reconnect(patience);
    const StreamId newest = last_generated();
    if (newest < m_last) {
      context.reporter.warning(fmt::format("the stream is another one now: its last ID is {}, and {} had been seen",
                                           newest.text(), m_last.text()));
      m_last = StreamId{};
    }
  }

  void print(const std::vector<StreamEntry>& entries) {
    Context& context = m_session.context();
    std::string text;
    for (const StreamEntry& entry : entries) {
      if (context.format() != OutputFormat::table) {
        append_export_line(text, entry);
        continue;
      }
      text += entry.id;
      for (const auto& [name, value] : entry.fields) text += fmt::format(" {}={}", printable(name), printable(value));
      text += '\n';
    }
    context.results << text << std::flush;
    if (!context.results) throw Interrupted(SIGPIPE);  // the reader has gone
  }

  QueueSession& m_session;
  StreamId m_last;
};

}  // namespace

CommandResult queue_tail(Context& context, const std::vector<std::string>&) {
  QueueSession session(context);
  session.need_stream("it has no order of arrival to follow; queue ls shows its tasks by state");
  Tail tail(session);
  try {
    tail.begin(context.settings.integer("limit"));
    if (context.settings.flag("follow")) tail.follow();
  } catch (const Interrupted& stop) {
    if (stop.signal() != SIGINT && stop.signal() != SIGPIPE) throw;  // Ctrl-C is how this ends
  }
  return {};
}

}  // namespace raibid
