#include "components/redis/server/connect.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "tools/tls_error.hpp"

namespace raibid {

namespace {

constexpr Duration shortest_pause = std::chrono::milliseconds(10);
constexpr Duration longest_pause = std::chrono::milliseconds(250);
constexpr int pauses_of_a_wait = 20;  ///< a pause is at most a twentieth of the time waited so far
/// A server that has only just been started is not worth a line.
constexpr Duration patience = std::chrono::milliseconds(300);
constexpr Duration longest_look = std::chrono::seconds(2);
constexpr Duration shortest_look = std::chrono::milliseconds(50);

/// Throws what stands against us: for the password and protected mode connect_redis has the words.
[[noreturn]] void refuse(RedisConnector& connector, const RedisEndpoint& endpoint, Duration timeout,
                         const RedisReply& reply) {
  connect_redis(connector, endpoint, timeout);
  const std::string said = reply.is_error() ? printable(reply.text) : "something else than PONG";
  throw Error(ExitCode::failure, fmt::format("Redis at {}:{} answers {}", endpoint.host, endpoint.port, said),
              reply.error_code() == "MISCONF" ? "it cannot write its data: is the volume full?" : "");
}

std::string loading_progress(RedisConnection& redis) {
  const RedisReply info = redis.command({"INFO", "persistence"});
  const auto fields = parse_info(info.text);
  const auto percent = fields.find("loading_loaded_perc");
  if (info.is_error() || percent == fields.end()) return "Redis is loading its data";
  return fmt::format("Redis is loading its data ({} %)", printable(percent->second));
}

struct Look {
  Answer answer;
  std::optional<RedisReply> refusal;
};

Look look(RedisConnector& connector, const RedisEndpoint& endpoint, Duration timeout) {
  auto redis = connector.connect(endpoint, timeout);
  if (!endpoint.password.empty()) {
    std::vector<std::string> auth{"AUTH"};
    if (!endpoint.username.empty()) auth.push_back(endpoint.username);
    auth.push_back(endpoint.password.reveal());
    const RedisReply accepted = redis->command(auth);
    if (accepted.is_error()) return {{}, accepted};
  }
  const RedisReply pong = redis->command({"PING"});
  if (pong.text == "PONG" && !pong.is_error()) return {{std::move(redis), ""}, {}};
  if (pong.error_code() == "LOADING") return {{nullptr, loading_progress(*redis)}, {}};
  if (pong.error_code() == "BUSY") return {{nullptr, "Redis is busy with a script"}, {}};
  return {{}, pong};
}

}  // namespace

Answer ask_for_pong(RedisConnector& connector, const RedisEndpoint& endpoint, Duration timeout) {
  Look seen;
  try {
    seen = look(connector, endpoint, timeout);
  } catch (const TlsError& error) {
    if (error.lasts()) throw;
    return {nullptr, error.message()};
  } catch (const Error& error) {
    return {nullptr, error.message()};  // a port-forward that is not up yet refuses, or breaks the connection
  }
  if (seen.refusal) refuse(connector, endpoint, timeout, *seen.refusal);
  return std::move(seen.answer);
}

std::unique_ptr<RedisConnection> wait_for_pong(RedisConnector& connector, const RedisEndpoint& endpoint, Runner& runner,
                                               TimePoint deadline,
                                               const std::function<void(const std::string&)>& progress) {
  const TimePoint started = runner.now();
  TimePoint said_at = started + patience - longest_pause;  // so that the first word comes after `patience`
  std::string said;
  for (;;) {
    const Duration left = std::chrono::duration_cast<Duration>(deadline - runner.now());
    Answer answer = ask_for_pong(connector, endpoint, std::clamp(left, shortest_look, longest_look));
    if (answer.connection) return std::move(answer.connection);
    if (runner.now() >= deadline) {
      throw Error(ExitCode::failure,
                  fmt::format("no PONG from {}:{} in time: {}", endpoint.host, endpoint.port, answer.waiting_for),
                  "give it longer with --timeout");
    }
    const TimePoint now = runner.now();
    if (progress && answer.waiting_for != said && now - said_at >= longest_pause) {
      said = answer.waiting_for;
      said_at = now;
      progress(said);
    }
    const auto waited = std::chrono::duration_cast<Duration>(now - started);
    runner.wait({}, std::min(now + std::clamp(waited / pauses_of_a_wait, shortest_pause, longest_pause), deadline));
  }
}

}  // namespace raibid
