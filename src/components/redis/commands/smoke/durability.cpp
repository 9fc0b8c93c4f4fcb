#include "components/redis/commands/smoke/durability.hpp"

#include <nlohmann/json.hpp>

#include <signal.h>

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/place.hpp"
#include "components/result_format.hpp"
#include "config/yaml.hpp"
#include "sys/random.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

/// Long enough for several fsyncs before the crash.
constexpr Duration writing_time = std::chrono::seconds(3);
constexpr Duration crash_limit = std::chrono::seconds(30);
constexpr Duration clean_limit = std::chrono::seconds(60);
constexpr std::int64_t look_every = 64;  // writes
constexpr const char* step_name = "durability";

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string setting(RedisConnection& redis, const std::string& name) {
  const RedisReply reply = checked(redis, {"CONFIG", "GET", name});
  const RedisReply* value = reply.field(name);
  return value == nullptr ? "" : value->text;
}

bool agreed(Context& context, const std::string& subject) {
  if (context.settings.flag("yes")) return true;
  context.reporter.warning(fmt::format(
      "this kills {}: its clients are cut off until it is back, and what the fsync policy allows is lost", subject));
  const std::optional<bool> answer = context.reporter.confirm("Kill it?");
  context.signals.check();
  if (!answer)
    throw Error(ExitCode::usage, "--durability asks before it kills Redis, and there is no terminal to ask on",
                "add --yes");
  return *answer;
}

/// Acknowledged writes, one after the other, until the connection breaks.
class Writer {
 public:
  Writer(Context& context, RedisConnection& redis, std::string key)
      : m_context(context), m_redis(redis), m_key(std::move(key)) {}

  /// Writes for a while; then has `victim` killed, and writes on. Returns when Redis is gone.
  TimePoint write_until_it_dies(Victim& victim) {
    const TimePoint kill_at = m_context.clock.now() + writing_time;
    bool killed = false;
    try {
      for (;;) {
        write();
        const TimePoint now = m_context.clock.now();
        if (!killed && now >= kill_at) {
          killed = true;
          victim.kill();
        }
        if (killed && now >= kill_at + crash_limit)
          throw Error(ExitCode::remains, "Redis was killed, and still answers");
        if (m_acknowledged.size() % look_every == 0) {
          m_context.signals.check();
          if (killed) victim.look();
        }
      }
    } catch (const Error& error) {
      if (!killed || m_answered) throw;
    }
    return m_context.clock.now();
  }

  const std::vector<TimePoint>& acknowledged() const { return m_acknowledged; }

 private:
  void write() {
    m_answered = false;
    const RedisReply reply = m_redis.command({"RPUSH", m_key, std::to_string(m_acknowledged.size())});
    m_answered = true;
    // a server that shuts down may refuse the last ones: they were not acknowledged
    if (reply.is_error()) throw Error(ExitCode::failure, "Redis refuses RPUSH: " + reply.text);
    m_acknowledged.push_back(m_context.clock.now());
  }

  Context& m_context;
  RedisConnection& m_redis;
  std::string m_key;
  std::vector<TimePoint> m_acknowledged;
  bool m_answered = false;
};

std::set<std::int64_t> numbers_there(RedisConnection& redis, const std::string& key) {
  std::set<std::int64_t> there;
  for (const RedisReply& item : checked(redis, {"LRANGE", key, "0", "-1"}).items) {
    std::int64_t number = 0;
    std::from_chars(item.text.data(), item.text.data() + item.text.size(), number);
    there.insert(number);
  }
  return there;
}

CommandResult render(const Context& context, const Durability& found, const std::string& how) {
  const int code = static_cast<int>(found.holds() ? ExitCode::ok : ExitCode::failure);
  if (context.format() == OutputFormat::table) {
    std::string text = fmt::format(
        "  {} durability           {} acknowledged, {} survived, {} lost; {}; answered again after {:.1f} s\n",
        found.holds() ? "✓" : "✗", found.acknowledged, found.survived, found.lost, how, seconds(found.answered_after));
    if (found.oldest_lost)
      text += fmt::format("    the oldest lost was {:.2f} s old; {} may lose {:g} s\n", seconds(*found.oldest_lost),
                          found.policy.text, seconds(found.policy.may_lose));
    return {text + (found.holds() ? "It passed.\n" : "It failed.\n"), code};
  }
  nlohmann::ordered_json numbers = {{"acknowledged", found.acknowledged},
                                    {"survived", found.survived},
                                    {"lost", found.lost},
                                    {"oldest_lost_seconds", nullptr},
                                    {"answered_after_seconds", seconds(found.answered_after)},
                                    {"policy", found.policy.text},
                                    {"may_lose_seconds", seconds(found.policy.may_lose)},
                                    {"killed_by", how}};
  if (found.oldest_lost) numbers["oldest_lost_seconds"] = seconds(*found.oldest_lost);
  const nlohmann::ordered_json object = {
      {"passed", found.holds()}, {"preset", context.preset.name}, {"durability", numbers}};
  return {formatted(object, context.format()), code};
}

std::string own_key(Context& context) {
  std::array<std::uint8_t, 8> bytes{};
  context.random.fill(bytes);
  std::string key = "raibid-smoke:";
  for (const std::uint8_t byte : bytes) key += fmt::format("{:02x}", byte);
  return key + ":acknowledged";
}

// The writes go, whatever happened: the deadline of an interrupted run is not theirs.
void remove_writes(Context& context, Victim& victim, const std::string& key) {
  checked(*victim.connect(context.clock.now() + clean_limit), {"UNLINK", key});
}

/// What --dry-run says.
CommandResult would_kill(const Context& context, const Victim& victim, const DurabilityPolicy& policy) {
  if (context.format() == OutputFormat::table) {
    return {fmt::format(
        "Would write to raibid-smoke:ID:acknowledged for {:g} s, kill {} ({}), wait until it answers again, "
        "count what survived ({} may lose {:g} s), and take that key away.\n"
        "Nothing was changed (--dry-run).\n",
        seconds(writing_time), victim.name(), victim.how(), policy.text, seconds(policy.may_lose))};
  }
  const nlohmann::ordered_json object = {
      {"dry_run", true},           {"preset", context.preset.name}, {"would_kill", victim.name()},
      {"killed_by", victim.how()}, {"policy", policy.text},         {"may_lose_seconds", seconds(policy.may_lose)}};
  return {formatted(object, context.format())};
}

CommandResult run_durability(Context& context, Victim& victim) {
  std::unique_ptr<RedisConnection> redis = victim.connect(context.deadline);
  const auto policy =
      durability_policy(setting(*redis, "appendonly"), setting(*redis, "appendfsync"), setting(*redis, "save"));
  if (!policy) {
    throw Error(ExitCode::failure,
                fmt::format("{} keeps nothing on disk: a crash loses everything, and nothing was killed to show it",
                            victim.name()),
                "set it up without --no-persistence, with appendonly yes");
  }
  if (context.guard.dry_run()) return would_kill(context, victim, *policy);
  if (!agreed(context, victim.name())) return {"Nothing was changed.\n", static_cast<int>(ExitCode::failure)};
  const std::string key = own_key(context);
  const TimePoint started = context.clock.now();
  context.reporter.step_started(step_name);
  context.reporter.step_progress(step_name, fmt::format("writing for {:g} s before the kill", seconds(writing_time)));
  Writer writer(context, *redis, key);
  try {
    const TimePoint crash = writer.write_until_it_dies(victim);
    context.reporter.step_progress(step_name, "killed; waiting for Redis");
    redis = victim.come_back(context.deadline);
    const TimePoint answer = context.clock.now();
    const Durability found =
        judge_durability(*policy, writer.acknowledged(), numbers_there(*redis, key), crash, answer);
    checked(*redis, {"UNLINK", key});
    context.reporter.step_ended(step_name, found.holds() ? Mark::done : Mark::failed, policy->text,
                                std::chrono::duration_cast<Duration>(answer - started));
    return render(context, found, victim.how());
  } catch (const BaseError& error) {
    context.reporter.step_ended(step_name, Mark::failed, error.message(),
                                std::chrono::duration_cast<Duration>(context.clock.now() - started));
    context.signals.acknowledge();  // of a Ctrl-C; what follows has a time limit of its own
    victim.revive(context.clock.now() + clean_limit);
    remove_writes(context, victim, key);
    throw;
  }
}

}  // namespace

std::optional<DurabilityPolicy> durability_policy(const std::string& appendonly, const std::string& appendfsync,
                                                  const std::string& save) {
  using namespace std::chrono_literals;
  if (appendonly == "yes") {
    const Duration may_lose = appendfsync == "always" ? 0s : appendfsync == "everysec" ? 2s : 30s;
    return DurabilityPolicy{"AOF " + appendfsync, may_lose};
  }
  const std::vector<std::string> words = redis_words(save).value_or(std::vector<std::string>{});
  long longest = 0;
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    long period = 0;
    std::from_chars(words[i].data(), words[i].data() + words[i].size(), period);
    longest = std::max(longest, period);
  }
  if (longest == 0) return std::nullopt;
  return DurabilityPolicy{"snapshots", std::chrono::seconds(longest)};
}

Durability judge_durability(const DurabilityPolicy& policy, const std::vector<TimePoint>& acknowledged,
                            const std::set<std::int64_t>& there, TimePoint crash, TimePoint answer) {
  Durability found;
  found.policy = policy;
  found.acknowledged = static_cast<std::int64_t>(acknowledged.size());
  for (std::int64_t number = 0; number < found.acknowledged; ++number) {
    if (there.count(number) != 0) {
      ++found.survived;
    } else if (++found.lost == 1) {
      found.oldest_lost = std::chrono::duration_cast<Duration>(crash - acknowledged[static_cast<std::size_t>(number)]);
    }
  }
  found.answered_after = std::chrono::duration_cast<Duration>(answer - crash);
  return found;
}

CommandResult smoke_durability(Context& context, Place& place) {
  const std::unique_ptr<Victim> victim = place.victim();
  return run_durability(context, *victim);
}

}  // namespace raibid
