#include "tools/redis_connection.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "sys/descriptors.hpp"
#include "tools/pod_way.hpp"
#include "tools/redis_client.hpp"
#include "tools/redis_dump.hpp"
#include "tools/redis_replies.hpp"
#include "tools/redis_socket.hpp"
#include "tools/served_certificate.hpp"
#include "tools/tls_error.hpp"
#include "tools/tls_transport.hpp"
#include "tools/transport.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <utility>

/// hiredis' blocking calls limit the time of each read(2), so a server that sends a byte now and then would
/// never let them end. So only its reader is used.

namespace raibid {

namespace {

/// What of a row of commands is on its way at most.
constexpr std::size_t most_unsent = 256u << 10;
constexpr std::size_t most_unanswered = 4096;
constexpr std::size_t dump_piece = 256u << 10;
constexpr Duration longest_nap = std::chrono::milliseconds(100);
/// How long after a signal an answer is still waited for.
constexpr Duration grace = std::chrono::milliseconds(100);

std::string in_seconds(Duration timeout) {
  return fmt::format("{:g} s", std::chrono::duration<double>(timeout).count());
}

void append_encoded(std::string& out, const std::vector<std::string>& arguments) {
  const std::vector<std::string_view> words(arguments.begin(), arguments.end());
  append_command(out, words);
}

class SocketConnection final : public RedisConnection {
 public:
  /// `speaks_tls` tells whether what closed the connection before a word speaks TLS.
  SocketConnection(std::unique_ptr<Transport> transport, Runner& runner, std::string where, Duration timeout,
                   std::function<bool()> speaks_tls)
      : m_transport(std::move(transport)),
        m_runner(runner),
        m_where(std::move(where)),
        m_timeout(timeout),
        m_replies(m_where),
        m_speaks_tls(std::move(speaks_tls)),
        m_more(m_transport->has_more()) {}

  RedisReply command(const std::vector<std::string>& arguments) override {
    return std::move(pipeline({arguments}).front());
  }

  std::vector<RedisReply> pipeline(const std::vector<std::vector<std::string>>& commands) override {
    refuse_broken();
    std::string request;
    for (const std::vector<std::string>& arguments : commands) append_encoded(request, arguments);
    m_broken = true;  // until all answers are there: what is left of a broken exchange is not the next command's
    std::vector<RedisReply> replies = exchange(request, commands.size());
    ::explicit_bzero(request.data(), request.size());
    m_broken = false;
    return replies;
  }

  void send(const std::vector<std::string>& arguments) override {
    refuse_broken();
    std::string request;
    append_encoded(request, arguments);
    m_broken = true;
    begin();
    for (std::size_t sent = 0; sent < request.size();) {
      if (send_more(request, sent)) continue;
      if (wait(false, true, m_deadline) == 0 && m_runner.now() >= m_deadline) fail_late();
    }
    ::explicit_bzero(request.data(), request.size());
    m_broken = false;
  }

  void stream(RedisFeed& feed) override {
    refuse_broken();
    m_broken = true;
    Flow flow;
    begin();
    while (pull(feed, flow)) push(feed, flow);
    m_broken = false;
  }

  RedisReply dump(DumpSink& sink, Duration patience) override {
    refuse_broken();
    m_broken = true;
    // separate commands: Redis refuses a SYNC while it has replies to send
    for (const std::vector<std::string>& option :
         {std::vector<std::string>{"REPLCONF", "capa", "eof"}, {"REPLCONF", "rdb-only", "1"}}) {
      std::string request;
      append_encoded(request, option);
      const RedisReply reply = exchange(request, 1).front();
      // an older Redis does not know these; what it may not do is said by SYNC, too
      if (reply.is_error() && reply.error_code() == "NOPERM") return reply;
    }
    send_all("SYNC\r\n");
    return receive_dump(sink, patience);
  }

  std::string peer_certificate() const override { return m_transport->peer_certificate(); }

  RedisReply receive() override {
    refuse_broken();
    m_broken = true;
    begin();
    for (;;) {
      if (std::optional<RedisReply> reply = m_replies.next()) {
        m_broken = false;
        return std::move(*reply);
      }
      if (!m_more && wait(true, false, m_deadline) == 0 && m_runner.now() >= m_deadline) fail_late();
      read_more();
    }
  }

 private:
  struct Flow {
    std::string out;
    std::size_t sent = 0;
    std::size_t owed = 0;  ///< replies
    bool ended = false;
    bool idle = false;  ///< the feed has nothing at the moment
  };

  /// Takes from the feed as much as may be on its way. False when all is sent and answered.
  static bool pull(RedisFeed& feed, Flow& flow) {
    flow.idle = false;
    // a server that takes all the time may never have taken everything
    if (flow.sent == flow.out.size() || flow.sent >= most_unsent) {
      flow.out.erase(0, flow.sent);
      flow.sent = 0;
    }
    while (!flow.ended && !flow.idle && flow.out.size() - flow.sent < most_unsent && flow.owed < most_unanswered) {
      const RedisFeed::Filled filled = feed.fill(flow.out);
      flow.owed += filled.commands;
      flow.ended = filled.end;
      flow.idle = filled.commands == 0 && !filled.end;
    }
    return !flow.ended || flow.owed > 0 || flow.sent < flow.out.size();
  }

  /// Sends and reads what goes now. A signal ends the wait, so that the feed hears of it.
  void push(RedisFeed& feed, Flow& flow) {
    const bool unsent = flow.sent < flow.out.size();
    if (flow.owed == 0 && !unsent) progress();
    const short ready = wait(true, unsent, m_runner.now() + longest_nap, flow.idle ? feed.wait_fd() : -1);
    if (unsent && m_transport->may_write(ready) && send_more(flow.out, flow.sent)) progress();
    if (m_more || m_transport->may_read(ready)) {
      read_more();
      while (std::optional<RedisReply> reply = m_replies.next()) {
        if (flow.owed > 0) --flow.owed;
        feed.answer(std::move(*reply));
        progress();
      }
    }
    if (m_runner.now() >= m_deadline && (flow.owed > 0 || unsent)) fail_late();
  }

  void send_all(const std::string& request) {
    begin();
    for (std::size_t sent = 0; sent < request.size();) {
      if (send_more(request, sent)) continue;
      if (wait(false, true, m_deadline) == 0 && m_runner.now() >= m_deadline) fail_late();
    }
  }

  RedisReply receive_dump(DumpSink& sink, Duration patience) {
    std::vector<char> buffer(dump_piece);
    DumpReader reader;
    TimePoint late = m_runner.now() + patience;
    while (!reader.ended()) {
      // a signal ends it at once: nothing was asked of Redis that another command would have to know of
      if (!m_more) {
        const short ready = wait_for(m_runner, m_transport->fd(), m_transport->events(true, false), late);
        if (m_runner.now() >= late && !m_transport->may_read(ready))
          throw Error(ExitCode::failure, fmt::format("Redis at {} was silent for {} in the middle of its copy", m_where,
                                                     in_seconds(patience)));
      }
      const Transport::Read read = m_transport->read(buffer);
      m_more = read.more;
      if (read.bytes > 0) {
        late = m_runner.now() + patience;
        reader.add(std::string_view(buffer.data(), read.bytes), sink);
      }
      if (read.closed && !reader.ended()) {
        throw Error(
            ExitCode::failure,
            fmt::format("Redis at {} closed the connection after {} bytes of its copy{}", m_where, reader.bytes(),
                        read.error != 0 ? fmt::format(" ({})", ::strerror(read.error)) : std::string()),
            "its log says why: it may have had no memory for the copy, or no room for a temporary file");
      }
    }
    return reader.reply();
  }

  void refuse_broken() const {
    if (m_broken) throw Error(ExitCode::failure, "the connection to Redis at " + m_where + " is broken");
  }

  void begin() {
    m_deadline = m_runner.now() + m_timeout;
    m_grace_ends.reset();
  }
  void progress() { begin(); }

  /// What poll says of the socket; 0 when the time has passed, `other` is readable, or a signal has just come. After a
  /// signal the answer that is due has a moment more; then Interrupted.
  short wait(bool to_read, bool to_write, TimePoint until, int other = -1) {
    if (m_more && to_read) until = m_runner.now();
    const short events = m_transport->events(to_read, to_write);
    Descriptors descriptors({m_transport->fd(), events, 0}, {other, POLLIN, 0});
    Process* const process = &descriptors;
    try {
      m_runner.wait({&process, 1}, until);
      return descriptors.first();
    } catch (const Interrupted&) {
      const TimePoint now = m_runner.now();
      if (!m_grace_ends) {
        m_grace_ends = now + grace;
        return 0;
      }
      if (now >= *m_grace_ends) throw;
      const auto left = std::chrono::ceil<Duration>(std::min(until, *m_grace_ends) - now);
      pollfd socket{m_transport->fd(), events, 0};
      ::poll(&socket, 1, static_cast<int>(std::max<Duration::rep>(left.count(), 0)));
      return socket.revents;
    }
  }

  /// Sends and reads at once: a server that waits for us to read would otherwise never go on.
  std::vector<RedisReply> exchange(const std::string& request, std::size_t count) {
    std::vector<RedisReply> replies;
    std::size_t sent = 0;
    begin();
    while (replies.size() < count) {
      const bool unsent = sent < request.size();
      const short ready = wait(true, unsent, m_deadline);
      if (ready == 0 && !m_more && m_runner.now() >= m_deadline) fail_late();
      if (unsent && m_transport->may_write(ready) && send_more(request, sent)) progress();
      if (!m_more && !m_transport->may_read(ready)) continue;
      read_more();
      while (std::optional<RedisReply> reply = m_replies.next()) {
        replies.push_back(std::move(*reply));
        progress();
      }
    }
    return replies;
  }

  /// True when something went out.
  bool send_more(const std::string& request, std::size_t& sent) {
    const std::size_t taken = m_transport->write(std::string_view(request).substr(sent));
    sent += taken;
    return taken > 0;
  }

  void read_more() {
    std::array<char, 16 * 1024> chunk;
    const Transport::Read read = m_transport->read(chunk);
    m_more = read.more;
    if (read.bytes > 0) m_heard = true;
    if (read.bytes > 0) m_replies.add(std::string_view(chunk.data(), read.bytes));
    if (read.closed) fail_closed(read.error);
  }

  [[noreturn]] void fail_closed(int error) {
    if (!m_heard && m_speaks_tls && m_speaks_tls()) {
      throw TlsError(TlsProblem::is_tls, fmt::format("Redis at {} speaks TLS, and this connection does not", m_where),
                     "use TLS for it");
    }
    const std::string reason = error != 0 ? fmt::format(" ({})", ::strerror(error)) : std::string();
    throw Error(ExitCode::failure, fmt::format("Redis at {} closed the connection{}{}", m_where,
                                               m_replies.in_the_middle() ? " in the middle of an answer" : "", reason));
  }

  [[noreturn]] void fail_late() {
    throw Error(ExitCode::failure,
                fmt::format("Redis at {} did not {} within {}", m_where,
                            m_replies.in_the_middle() ? "end its answer" : "answer", in_seconds(m_timeout)));
  }

  std::unique_ptr<Transport> m_transport;
  Runner& m_runner;
  std::string m_where;
  Duration m_timeout;
  RedisReplies m_replies;
  std::function<bool()> m_speaks_tls;
  TimePoint m_deadline{};
  std::optional<TimePoint> m_grace_ends;  ///< a signal has come
  bool m_more = false;                    ///< the transport has more to read, which poll does not know of
  bool m_heard = false;                   ///< anything was read
  bool m_broken = false;
};

}  // namespace

namespace {

std::unique_ptr<Transport> open_transport(const RedisEndpoint& endpoint, Runner& runner, TimePoint deadline) {
  if (endpoint.way != nullptr) return endpoint.way->connect(deadline);
  return plain_transport(open_socket(endpoint.host, endpoint.port, runner, deadline));
}

}  // namespace

HiredisConnector::HiredisConnector(Runner& runner) : m_runner(runner) {}

HiredisConnector::~HiredisConnector() = default;

const TlsContext& HiredisConnector::tls_context(const TlsClient& client) {
  if (!m_tls || m_tls->client() != client) m_tls = std::make_unique<TlsContext>(client);
  return *m_tls;
}

std::unique_ptr<RedisConnection> HiredisConnector::connect(const RedisEndpoint& endpoint, Duration timeout) {
  const std::string& host = endpoint.host;
  if (host.starts_with('/')) {
    return std::make_unique<SocketConnection>(plain_transport(open_unix_socket(host)), m_runner, printable(host),
                                              timeout, nullptr);
  }
  const TimePoint deadline = m_runner.now() + timeout;
  const std::string where = fmt::format("{}:{}", printable(host), endpoint.port);
  if (!endpoint.tls) {
    std::function<bool()> speaks_tls;
    if (endpoint.way == nullptr)
      speaks_tls = [&runner = m_runner, host, port = endpoint.port] { return answers_tls(host, port, runner); };
    return std::make_unique<SocketConnection>(open_transport(endpoint, m_runner, deadline), m_runner, where, timeout,
                                              std::move(speaks_tls));
  }
  TlsClient client = *endpoint.tls;
  if (client.server_name.empty()) client.server_name = host;
  const TlsContext& context = tls_context(client);
  return std::make_unique<SocketConnection>(
      tls_transport(open_transport(endpoint, m_runner, deadline), context, "Redis at " + where, m_runner, deadline),
      m_runner, where, timeout, nullptr);
}

std::string HiredisConnector::served_certificate(const RedisEndpoint& endpoint, Duration timeout) {
  const TimePoint deadline = m_runner.now() + timeout;
  const std::unique_ptr<Transport> transport = open_transport(endpoint, m_runner, deadline);
  return served_certificate_over(*transport, fmt::format("{}:{}", printable(endpoint.host), endpoint.port), m_runner,
                                 deadline);
}

}  // namespace raibid
