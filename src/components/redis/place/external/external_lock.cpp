#include "components/redis/place/external/external_lock.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/strings.hpp"
#include "components/redis/server/script.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr const char* valid_ms = "30000";
constexpr Duration longest_wait = std::chrono::seconds(35);  // what a killed run leaves is gone by then
constexpr Duration between_tries = std::chrono::milliseconds(250);

constexpr const char* renew_script =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0";
constexpr const char* release_script =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

}  // namespace

std::string lock_holder(const Context& context, const std::string& operation, const std::string& run) {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return fmt::format("{} of {} (pid {} on {}, run {})", operation, rfc3339(context.clock.wall()), ::getpid(),
                     host.data(), run);
}

ExternalLock::ExternalLock(Context& context, const std::string& release, std::string holder, Redis redis)
    : m_context(context), m_key("raibid:lock:" + release), m_holder(std::move(holder)), m_redis(std::move(redis)) {}

ExternalLock::~ExternalLock() {
  if (!m_held) return;
  try {
    m_redis().command({"EVAL", release_script, "1", m_key, m_holder});
  } catch (const std::exception&) {  // it runs out
  }
}

Error ExternalLock::held_by(const std::string& holder) const {
  return Error(ExitCode::preflight, fmt::format("{} works on this Redis", printable(holder)),
               "wait until it has ended, then run this again");
}

void ExternalLock::acquire() {
  const TimePoint until = std::min(m_context.deadline, m_context.runner.now() + longest_wait);
  for (;;) {
    const RedisReply taken = m_redis().command({"SET", m_key, m_holder, "NX", "PX", valid_ms});
    if (is_refused_command(taken)) {
      m_context.reporter.detail(fmt::format("no lock against other machines: {}", printable(taken.text)));
      return;
    }
    expect_no_error(taken, "the lock " + m_key);
    m_held = !taken.is_nil();
    if (m_held) return;
    const std::string holder = m_redis().command({"GET", m_key}).text;
    if (m_context.runner.now() >= until) throw held_by(holder);
    m_context.reporter.step_progress("lock", fmt::format("waiting for {}", holder));
    m_context.runner.wait({}, std::min(until, m_context.runner.now() + between_tries));
  }
}

std::optional<Error> ExternalLock::taken_over() {
  if (!m_held) return std::nullopt;
  const RedisReply renewed = m_redis().command({"EVAL", renew_script, "1", m_key, m_holder, valid_ms});
  if (renewed.integer == 1) return std::nullopt;
  const RedisReply holder = m_redis().command({"GET", m_key});
  if (holder.text == m_holder) return std::nullopt;  // it may run no script
  m_held = false;
  return held_by(holder.text.empty() ? "another run" : holder.text);
}

}  // namespace raibid
