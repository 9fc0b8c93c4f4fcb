#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "sys/clock.hpp"

namespace raibid {

/// An answer of Redis.
struct RedisReply {
  enum class Type { status, error, integer, string, nil, array };
  Type type = Type::nil;
  std::string text;  ///< status, error, string
  std::int64_t integer = 0;
  std::vector<RedisReply> items;

  bool is_error() const { return type == Type::error; }
  bool is_nil() const { return type == Type::nil; }
  /// The first word of an error: NOAUTH, WRONGPASS, LOADING, MISCONF, BUSYGROUP …
  std::string error_code() const;
  /// The value of `key` in a flat array of key, value, … (CONFIG GET, XINFO); nullptr when it is not there.
  const RedisReply* field(std::string_view key) const;
};

class PodWay;

/// How a connection speaks TLS: whom it trusts, and what it shows.
struct TlsClient {
  std::string server_name{};  ///< what the certificate has to name, and SNI: a DNS name or an IP address
  std::string ca{};           ///< PEM, one or several certificates; "" for the system's
  std::string certificate{};  ///< PEM, with its chain; "" for none
  Secret key{};               ///< its key, PEM

  bool operator==(const TlsClient&) const = default;
};

struct RedisEndpoint {
  std::string host = "127.0.0.1";
  int port = 6379;
  std::string username{};  ///< "" for the default user
  Secret password{};       ///< empty: no AUTH is sent, unless for a user with a name
  int database = 0;
  std::optional<TlsClient> tls{};  ///< none: plain
  PodWay* way = nullptr;           ///< the connection is from there; host and port are only how messages call it
};

/// Appends a command as Redis reads it (RESP).
void append_command(std::string& out, std::span<const std::string_view> words);

/// Where a long row of commands comes from and where its replies go. Nothing here may throw: what fails is remembered,
/// and `fill` says that this is the end.
class RedisFeed {
 public:
  struct Filled {
    std::size_t commands = 0;  ///< appended now; none and no end: nothing to send at the moment
    bool end = false;          ///< nothing will follow
  };
  virtual ~RedisFeed() = default;
  /// Appends some commands (append_command) to `out`.
  virtual Filled fill(std::string& out) = 0;
  /// Readable when `fill` has something again after it had nothing; -1: it is asked again within 100 ms.
  virtual int wait_fd() const { return -1; }
  /// Each reply, in the order of the commands.
  virtual void answer(RedisReply reply) = 0;
};

/// Where the bytes of a dump go. What it throws ends the dump.
class DumpSink {
 public:
  virtual ~DumpSink() = default;
  /// Nothing of the dump has come yet: Redis prepares it. Called about once a second, so that someone can be told.
  virtual void waiting() {}
  virtual void take(std::string_view bytes) = 0;
};

/// One connection. An error reply is data; a connection that breaks or a server that does not answer within the timeout
/// is an Error (failure).
class RedisConnection {
 public:
  virtual ~RedisConnection() = default;
  virtual RedisReply command(const std::vector<std::string>& arguments) = 0;
  /// Sends all, then reads all: one round trip.
  virtual std::vector<RedisReply> pipeline(const std::vector<std::vector<std::string>>& commands) = 0;
  /// The two halves of `command`, so that several clients can ask at the same time. Each `send` is followed by its
  /// `receive` before anything else is asked.
  virtual void send(const std::vector<std::string>& arguments) = 0;
  /// Sends what `feed` gives and hands it the replies as they come, until the end of both. Holds a bounded part of it
  /// in memory. A signal makes it ask `fill` again, which may then end it. Not every connection can.
  virtual void stream(RedisFeed& feed);
  /// Asks for a copy of all data as an RDB file over the replication protocol (SYNC, as `redis-cli --rdb` does) and
  /// hands it to `sink` as it comes; nothing of it is kept here. Returns an integer reply with the number of bytes, or
  /// Redis' error when it refuses. The connection is of no use afterwards. `patience` is how long Redis may be silent.
  /// A signal ends it (Interrupted). Throws Error (failure) when the connection breaks before all has come.
  virtual RedisReply dump(DumpSink& sink, Duration patience);
  /// Also what Redis sends by itself to a subscriber, which uses these two alone.
  virtual RedisReply receive() = 0;
  /// The server's certificate as the handshake showed it, in DER; "" without TLS.
  virtual std::string peer_certificate() const { return ""; }
  /// A dry run's: it refuses every command that is not known to change nothing.
  virtual bool reads_only() const { return false; }
};

/// The seam to Redis.
class RedisConnector {
 public:
  virtual ~RedisConnector() = default;
  /// Connects, without authenticating. A host that begins with / is the path of a Unix socket, as libpq has it, whose
  /// other end has to be ours or root's; it has no port and no TLS. `timeout` holds for connecting and for each reply.
  /// Throws Error (failure).
  virtual std::unique_ptr<RedisConnection> connect(const RedisEndpoint& endpoint, Duration timeout) = 0;
  /// The certificate that a TLS port shows, as PEM, whether it is to be trusted or not; nothing else is sent. Throws
  /// Error (failure), also where that cannot be asked.
  virtual std::string served_certificate(const RedisEndpoint& endpoint, Duration timeout);
};

/// Connects and, with a password, authenticates. Throws Error (failure): not reachable, WRONGPASS or NOAUTH ("the
/// password is not this Redis'"), DENIED (protected mode), an endpoint that does not speak Redis. LOADING is not an
/// error here.
std::unique_ptr<RedisConnection> connect_redis(RedisConnector& connector, const RedisEndpoint& endpoint,
                                               Duration timeout);

/// The command's reply, or Error (failure) with Redis' own words and what was asked (arguments are not repeated: they
/// may be secrets).
RedisReply checked(RedisConnection& redis, const std::vector<std::string>& arguments);

/// Whether this Redis does not have the command, or this user may not give it: NOPERM, a command that was renamed away,
/// and what managed services say instead.
bool is_refused_command(const RedisReply& reply);

/// The commands with which a connection logs in and chooses its database; none where that is the default.
std::vector<std::vector<std::string>> login_commands(const RedisEndpoint& endpoint);

/// The fields of INFO's text.
std::map<std::string, std::string> parse_info(std::string_view text);

}  // namespace raibid
