#include "tools/redis_connection.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "sys/unique_fd.hpp"
#include "tools/redis_client.hpp"
#include "tools/served_certificate.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <hiredis/read.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <utility>

/// hiredis' reader over a socket of our own: hiredis' blocking calls limit the time of each read(2), so that a server
/// which sends a byte now and then keeps them for ever, and its connections have no limit for the size of an answer.

namespace raibid {

namespace {

constexpr std::size_t largest_answer = 64u << 20;
constexpr std::size_t most_items = 1'000'000;

using std::chrono::steady_clock;

std::string in_seconds(Duration timeout) {
  return fmt::format("{:g} s", std::chrono::duration<double>(timeout).count());
}

/// Waits for `events` until `deadline`; 0 when the time has passed, else what poll says.
int wait_for(int fd, int events, steady_clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
    if (left <= 0) return 0;
    pollfd entry{fd, static_cast<short>(events), 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::min<long long>(left, 60'000)));
    if (ready > 0) return entry.revents;
    if (ready < 0 && errno != EINTR) return POLLERR;
  }
}

/// Connects to one address. errno-like: 0, or why not.
int connect_to(const addrinfo& address, steady_clock::time_point deadline, UniqueFd& result) {
  UniqueFd socket(::socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address.ai_protocol));
  if (socket.get() < 0) return errno;
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return errno;
    if (wait_for(socket.get(), POLLOUT, deadline) == 0) return ETIMEDOUT;
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    if (error != 0) return error;
  }
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  result = std::move(socket);
  return 0;
}

UniqueFd open_socket(const std::string& host, int port, Duration timeout) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); error != 0) {
    throw Error(ExitCode::failure,
                fmt::format("cannot find Redis' host {}: {}", printable(host), ::gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  const auto deadline = steady_clock::now() + timeout;
  int reason = 0;
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    UniqueFd socket;
    reason = connect_to(*address, deadline, socket);
    if (reason == 0) return socket;
  }
  throw Error(ExitCode::failure,
              fmt::format("cannot connect to Redis at {}:{}: {}", printable(host), port, ::strerror(reason)));
}

/// Through /proc, because an address has room for 107 characters and a home may be deeper than that.
UniqueFd open_unix_socket(const std::string& path) {
  const auto refused = [&path](const std::string& why) {
    return Error(ExitCode::failure, fmt::format("cannot connect to Redis at {}: {}", printable(path), why));
  };
  const std::size_t slash = path.rfind('/');
  const UniqueFd folder(::open(path.substr(0, slash + 1).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) throw refused(::strerror(errno));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = fmt::format("/proc/self/fd/{}/{}", folder.get(), path.substr(slash + 1));
  if (name.size() >= sizeof address.sun_path) throw refused("its name is too long");
  name.copy(address.sun_path, name.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw refused(::strerror(errno));
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) throw refused(::strerror(errno));
  if (peer.uid != ::geteuid() && peer.uid != 0)
    throw refused(fmt::format("process {} of user {} listens there", peer.pid, peer.uid));
  return socket;
}

// --- hiredis' reader builds RedisReply directly ---

struct AnswerLimits {
  std::size_t items = 0;
  bool exceeded = false;
};

RedisReply* place(const redisReadTask* task, RedisReply reply) noexcept try {
  auto* limits = static_cast<AnswerLimits*>(task->privdata);
  if (++limits->items > most_items) {
    limits->exceeded = true;
    return nullptr;
  }
  if (task->parent == nullptr) return new RedisReply(std::move(reply));
  auto* parent = static_cast<RedisReply*>(task->parent->obj);
  parent->items.push_back(std::move(reply));  // the reader comes back only to the last one
  return &parent->items.back();
} catch (...) {
  return nullptr;
}

void* create_string(const redisReadTask* task, char* text, std::size_t length) {
  RedisReply reply;
  reply.type = task->type == REDIS_REPLY_ERROR    ? RedisReply::Type::error
               : task->type == REDIS_REPLY_STATUS ? RedisReply::Type::status
                                                  : RedisReply::Type::string;
  reply.text.assign(text, length);
  return place(task, std::move(reply));
}

/// The number's type is int in hiredis 0.14 and size_t in 1.x.
template <typename Count>
void* create_array(const redisReadTask* task, Count) {
  RedisReply reply;
  reply.type = RedisReply::Type::array;
  return place(task, std::move(reply));
}

void* create_integer(const redisReadTask* task, long long value) {
  RedisReply reply;
  reply.type = RedisReply::Type::integer;
  reply.integer = value;
  return place(task, std::move(reply));
}

void* create_nil(const redisReadTask* task) { return place(task, RedisReply{}); }

void free_reply(void* reply) { delete static_cast<RedisReply*>(reply); }

redisReplyObjectFunctions* reply_functions() {
  static redisReplyObjectFunctions functions = [] {
    redisReplyObjectFunctions made{};
    made.createString = create_string;
    made.createArray = create_array;
    made.createInteger = create_integer;
    made.createNil = create_nil;
    made.freeObject = free_reply;
    return made;
  }();
  return &functions;
}

void append_encoded(std::string& out, const std::vector<std::string>& arguments) {
  const std::vector<std::string_view> words(arguments.begin(), arguments.end());
  append_command(out, words);
}

/// What of a row of commands is on its way at most.
constexpr std::size_t most_unsent = 256u << 10;
constexpr std::size_t most_unanswered = 4096;
constexpr int longest_nap_ms = 100;

class SocketConnection final : public RedisConnection {
 public:
  SocketConnection(UniqueFd socket, std::string where, Duration timeout)
      : m_socket(std::move(socket)),
        m_where(std::move(where)),
        m_timeout(timeout),
        m_reader(redisReaderCreateWithFunctions(reply_functions()), &redisReaderFree) {
    if (!m_reader) throw std::bad_alloc();
    m_reader->privdata = &m_limits;
  }

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
    const auto deadline = steady_clock::now() + m_timeout;
    for (std::size_t sent = 0; sent < request.size();) {
      if (wait_for(m_socket.get(), POLLOUT, deadline) == 0) fail_late();
      send_more(request, sent);
    }
    ::explicit_bzero(request.data(), request.size());
    m_broken = false;
  }

  void stream(RedisFeed& feed) override {
    refuse_broken();
    m_broken = true;
    Flow flow;
    flow.deadline = steady_clock::now() + m_timeout;
    while (pull(feed, flow)) push(feed, flow);
    m_broken = false;
  }

  RedisReply receive() override {
    refuse_broken();
    m_broken = true;
    const auto deadline = steady_clock::now() + m_timeout;
    for (;;) {
      if (std::optional<RedisReply> reply = next_reply()) {
        m_broken = false;
        return std::move(*reply);
      }
      if (wait_for(m_socket.get(), POLLIN, deadline) == 0) fail_late();
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
    steady_clock::time_point deadline;
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

  /// Sends and reads what goes now.
  void push(RedisFeed& feed, Flow& flow) {
    const bool unsent = flow.sent < flow.out.size();
    if (flow.owed == 0 && !unsent) flow.deadline = steady_clock::now() + m_timeout;
    std::array<pollfd, 2> list{pollfd{m_socket.get(), static_cast<short>(unsent ? POLLIN | POLLOUT : POLLIN), 0},
                               pollfd{flow.idle ? feed.wait_fd() : -1, POLLIN, 0}};
    if (::poll(list.data(), list.size(), longest_nap_ms) < 0) return;  // a signal: the feed hears of it first
    const short ready = list[0].revents;
    if ((ready & POLLOUT) != 0 && unsent && send_more(flow.out, flow.sent))
      flow.deadline = steady_clock::now() + m_timeout;
    if ((ready & (POLLIN | POLLHUP | POLLERR)) != 0) {
      read_more();
      while (std::optional<RedisReply> reply = next_reply()) {
        if (flow.owed > 0) --flow.owed;
        feed.answer(std::move(*reply));
        flow.deadline = steady_clock::now() + m_timeout;
      }
    }
    if (steady_clock::now() >= flow.deadline && (flow.owed > 0 || unsent)) fail_late();
  }

  void refuse_broken() const {
    if (m_broken) throw Error(ExitCode::failure, "the connection to Redis at " + m_where + " is broken");
  }

  /// Sends and reads at once: a server that waits for us to read would otherwise wait for ever.
  std::vector<RedisReply> exchange(const std::string& request, std::size_t count) {
    std::vector<RedisReply> replies;
    std::size_t sent = 0;
    auto deadline = steady_clock::now() + m_timeout;
    while (replies.size() < count) {
      const int ready = wait_for(m_socket.get(), sent < request.size() ? POLLIN | POLLOUT : POLLIN, deadline);
      if (ready == 0) fail_late();
      if ((ready & POLLOUT) != 0 && sent < request.size() && send_more(request, sent))
        deadline = steady_clock::now() + m_timeout;
      if ((ready & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
      read_more();
      while (std::optional<RedisReply> reply = next_reply()) {
        replies.push_back(std::move(*reply));
        deadline = steady_clock::now() + m_timeout;
      }
    }
    return replies;
  }

  /// True when something went out. A peer that reads no more may have said why: that is read next.
  bool send_more(const std::string& request, std::size_t& sent) {
    const ssize_t n = ::send(m_socket.get(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno != EAGAIN && errno != EINTR) sent = request.size();
      return false;
    }
    sent += static_cast<std::size_t>(n);
    return n > 0;
  }

  void read_more() {
    std::array<char, 16 * 1024> chunk;
    const ssize_t n = ::recv(m_socket.get(), chunk.data(), chunk.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
      const std::string reason = n < 0 ? fmt::format(" ({})", ::strerror(errno)) : std::string();
      throw Error(ExitCode::failure, fmt::format("Redis at {} closed the connection{}{}", m_where,
                                                 m_answer_size == 0 ? "" : " in the middle of an answer", reason));
    }
    const std::string_view text(chunk.data(), static_cast<std::size_t>(n));
    if (m_answer_size == 0) m_beginning = text.substr(0, 60);
    m_answer_size += text.size();
    if (m_answer_size > largest_answer) fail_large();
    if (redisReaderFeed(m_reader.get(), text.data(), text.size()) != REDIS_OK) fail_protocol();
  }

  std::optional<RedisReply> next_reply() {
    void* reply = nullptr;
    if (redisReaderGetReply(m_reader.get(), &reply) != REDIS_OK) fail_protocol();
    if (reply == nullptr) return std::nullopt;
    const std::unique_ptr<RedisReply> owner(static_cast<RedisReply*>(reply));
    m_limits = {};
    m_answer_size = m_reader->len - m_reader->pos;
    return std::move(*owner);
  }

  [[noreturn]] void fail_protocol() {
    if (m_limits.exceeded) fail_large();
    throw Error(ExitCode::failure,
                fmt::format("what answers at {} is not Redis: it says \"{}\"", m_where, printable(trim(m_beginning))),
                "See the address, and whether it speaks TLS.");
  }

  [[noreturn]] void fail_large() {
    throw Error(ExitCode::failure, fmt::format("Redis at {} sends an answer larger than {} MiB or {} items", m_where,
                                               largest_answer >> 20, most_items));
  }

  [[noreturn]] void fail_late() {
    throw Error(ExitCode::failure,
                fmt::format("Redis at {} did not {} within {}", m_where,
                            m_answer_size == 0 ? "answer" : "end its answer", in_seconds(m_timeout)));
  }

  UniqueFd m_socket;
  std::string m_where;
  Duration m_timeout;
  AnswerLimits m_limits;
  std::unique_ptr<redisReader, decltype(&redisReaderFree)> m_reader;
  std::size_t m_answer_size = 0;  ///< of the answer that is being read
  std::string m_beginning;        ///< of it, for telling what it is when it is not Redis'
  bool m_broken = false;
};

}  // namespace

void append_command(std::string& out, std::span<const std::string_view> words) {
  std::array<char, 24> number;
  const auto add = [&](char sign, std::size_t value) {
    const auto [end, error] = std::to_chars(number.data(), number.data() + number.size(), value);
    out += sign;
    out.append(number.data(), end).append("\r\n");
  };
  add('*', words.size());
  for (const std::string_view word : words) {
    add('$', word.size());
    out.append(word).append("\r\n");
  }
}

std::unique_ptr<RedisConnection> HiredisConnector::connect(const RedisEndpoint& endpoint, Duration timeout) {
  const std::string& host = endpoint.host;
  if (host.starts_with('/'))
    return std::make_unique<SocketConnection>(open_unix_socket(host), printable(host), timeout);
  return std::make_unique<SocketConnection>(open_socket(host, endpoint.port, timeout),
                                            fmt::format("{}:{}", printable(host), endpoint.port), timeout);
}

std::string HiredisConnector::served_certificate(const RedisEndpoint& endpoint, Duration timeout) {
  return served_certificate_at(endpoint.host, endpoint.port, timeout);
}

}  // namespace raibid
