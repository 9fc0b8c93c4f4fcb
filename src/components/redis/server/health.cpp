#include "components/redis/server/health.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/junit.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/redis/server/queue_stats.hpp"
#include "components/redis/server/usage.hpp"
#include "components/result_format.hpp"
#include "config/yaml.hpp"
#include "ui/colors.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

/// A queue whose memory is full within an hour needs someone now.
constexpr std::int64_t memory_soon_full = 3600;
/// The chart's probes give up after a second; and what was slow long ago is history.
constexpr std::int64_t too_slow = 1'000'000;
constexpr std::int64_t lately = 3600;

/// What this Redis may not be asked.
Check not_told(const std::string& name, const std::string& text) { return {name, true, text, "", true}; }

void examine_server(const RedisFacts::Server& server, bool foreign, HealthReport& report) {
  if (foreign && server.role.empty()) {
    report.add({"redis", true,
                fmt::format("PONG · {} · role unknown", server.version.empty() ? "version unknown" : server.version)});
    return;
  }
  report.add({"redis", server.role == "master",
              fmt::format("PONG · {} · {} · up {} s", server.version, server.role, server.uptime_seconds),
              foreign ? "this Redis is a replica and takes no writes: use the address of its master"
                      : "this Redis is a replica and takes no writes: REPLICAOF NO ONE makes it a master"},
             CheckReason::is_replica);
}

void examine_persistence(const RedisFacts::Persistence& facts, bool foreign, HealthReport& report) {
  if (foreign && facts.appendonly == "unknown") {
    report.add(not_told("persistence", "unknown whether it writes to disk"));
    return;
  }
  std::vector<std::string> wrong;
  for (const Difference& difference : facts.differences) {
    wrong.push_back(fmt::format("{} is {} instead of {}", difference.name, difference.running, difference.wanted));
  }
  const bool on = facts.appendonly == "yes";
  const bool rewrites = facts.last_rewrite.empty() || facts.last_rewrite == "ok";
  report.add({"persistence", !on || (facts.last_write == "ok" && rewrites),
              on ? fmt::format("AOF {}, last write {}{}", facts.appendfsync == "unknown" ? "on" : facts.appendfsync,
                               facts.last_write, rewrites ? "" : ", last rewrite " + facts.last_rewrite)
                 : "no AOF: what is not in a snapshot is lost by a restart",
              "look for a full volume or too little memory: without a rewrite the AOF only grows, and when a write "
              "fails Redis "
              "refuses all others (MISCONF)"},
             CheckReason::write_failed);
  if (foreign) return;
  report.add({"settings", wrong.empty(), wrong.empty() ? "match the configuration" : join(wrong, "; "),
              "setup sets them right: " + report.scope().command("setup redis")},
             CheckReason::changed);
}

void examine_acl(const RedisFacts::Acl& acl, HealthReport& report) {
  if (acl.differences.empty()) {
    const std::vector<std::string>& two = acl.users_with_two_passwords;
    report.add(
        {"acl", true,
         "the users are those of users.acl" +
             (two.empty() ? ""
                          : fmt::format("; two passwords of {} are valid (credentials rotate [--internal] --finish)",
                                        join(two, ", ")))});
  }
  for (const AclDifference& one : acl.differences) {
    report.add({"acl", false, one.text,
                one.unknown ? "users.acl does not have it, so the next start removes it; to remove it now: " +
                                  report.scope().command("connect redis", "--admin -- redis-cli ACL DELUSER " +
                                                                              shell_quote(printable(one.user)))
                            : "setup sets it right: " + report.scope().command("setup redis")},
               one.unknown ? CheckReason::unknown_user : CheckReason::changed);
  }
}

void examine_memory(const RedisFacts& facts, HealthReport& report) {
  if (!facts.memory) {
    report.add(not_told("memory", "memory use unknown"));
    return;
  }
  const auto& [used, limit, policy, evicted, peak] = *facts.memory;
  const std::string more = facts.foreign ? "give it more where it runs, or let the workers catch up"
                                         : "give more with --memory-limit, or let the workers catch up";
  std::string text = format_bytes(used) + ", no maxmemory";
  if (limit > 0) text = fmt::format("{} of {}, {}", format_bytes(used), format_bytes(limit), policy);
  if (limit > 0 && evicted > 0) text += fmt::format(", {} evicted since its start", counted(evicted, "key", "keys"));
  const bool evicts = facts.evictions && facts.evictions->amount > 0;
  if (evicts) text += fmt::format(", {} of them in {}", facts.evictions->amount, rough_time(facts.evictions->seconds));
  if (facts.memory_growth) text += ", " + growth_text(*facts.memory_growth);
  // a cache is meant to be full
  const bool must_not_fill = policy == "noeviction" && limit > 0;
  const auto left = must_not_fill ? seconds_left(facts.memory_growth, limit - used) : std::nullopt;
  if (left) text += fmt::format(": full in {} at this rate", rough_time(*left));
  if (limit > 0 && used >= limit) {
    report.add({"memory", false, text, "memory is full: " + more}, CheckReason::full);
  } else if (left && *left < memory_soon_full) {
    report.add({.name = "memory", .passed = true, .text = text, .hint = more, .warning = true}, CheckReason::filling);
  } else if (must_not_fill && used > limit / 10 * 9) {
    report.add({.name = "memory", .passed = true, .text = text, .hint = more, .warning = true}, CheckReason::full);
  } else if (evicts && facts.has_streams) {
    report.add({.name = "memory",
                .passed = true,
                .text = text,
                .hint = "jobs may be among the keys that were dropped: " + more,
                .warning = true},
               CheckReason::evicts);
  } else {
    report.add({"memory", true, text});
  }
  if (facts.foreign && facts.has_streams && policy.starts_with("allkeys-"))
    report.add({"eviction", false, fmt::format("maxmemory-policy {}: when memory is full, queues vanish", policy),
                "set noeviction where it runs, or use a Redis of its own for the queue"},
               CheckReason::evicts);
}

/// Redis does one command after the other: what takes long makes everyone wait.
void examine_slow_log(const RedisFacts::SlowLog& log, HealthReport& report) {
  if (log.entries == 0) {
    report.add({"slow log", true, "empty"});
    return;
  }
  const std::int64_t ago = log.now - log.at;
  std::string text = fmt::format("{}, the slowest {} with {:.0f} ms", counted(log.entries, "command", "commands"),
                                 printable(log.command), static_cast<double>(log.microseconds) / 1000);
  if (log.now > 0) text += fmt::format(", {} ago", rough_time(std::max<std::int64_t>(ago, 0)));
  Check check{.name = "slow log", .passed = true, .text = text};
  check.warning = log.microseconds >= too_slow && (log.now == 0 || ago < lately);
  check.hint = "all others wait meanwhile; look at it: " +
               report.scope().command("connect redis", "-- redis-cli SLOWLOG GET 10");
  report.add(std::move(check), CheckReason::slow);
}

void examine_group(const RedisFacts::Group& group, const std::string& stream, HealthReport& report) {
  if (!group.exists) {
    report.add({.name = "group",
                .text = fmt::format("{} of {} does not exist", group.name, stream),
                .hint = "setup creates it: " + report.scope().command("setup redis"),
                .object = printable(group.name)},
               CheckReason::missing);
    return;
  }
  const std::int64_t unread = group.lost_undelivered;
  const std::int64_t unfinished = group.lost_pending;
  std::string text = fmt::format("{}: {} pending, lag {}, {}", group.name, group.pending,
                                 group.lag ? std::to_string(*group.lag) : "unknown",
                                 counted(group.consumers, "consumer", "consumers"));
  if (unread > 0) text += fmt::format("; {} were dropped before any worker got them", counted(unread, "job", "jobs"));
  if (unfinished > 0)
    text += fmt::format("; {} were dropped while workers had them", counted(unfinished, "job", "jobs"));
  report.add({.name = "group",
              .passed = unread == 0 && unfinished == 0,
              .text = text,
              .hint = "something trims the stream without looking at its groups (XADD … MAXLEN, XTRIM). This drops "
                      "nothing that is still needed: " +
                      report.scope().command("queue trim"),
              .object = printable(group.name)},
             CheckReason::jobs_lost);
  if (group.lag_lost) examine_lost_lag(stream, group.name, report);
}

void examine_stream(const RedisFacts::Stream& stream, HealthReport& report) {
  if (!stream.error.empty()) {
    report.add({.name = "stream",
                .text = fmt::format("{}: {}", stream.name, stream.error),
                .hint = "setup creates what is missing: " + report.scope().command("setup redis"),
                .object = printable(stream.name)},
               CheckReason::missing);
    return;
  }
  const std::int64_t length = stream.length.value_or(0);
  const bool fits =
      stream.max_length == 0 || static_cast<double>(length) <= overfull * static_cast<double>(stream.max_length);
  const std::string limit = stream.max_length == 0 ? "" : fmt::format(" of {}", stream.max_length);
  report.add({.name = "stream",
              .passed = fits,
              .text = fmt::format("{}: {}{} entries", stream.name, length, limit),
              .hint = "jobs that are done stay in a stream. This drops only what no group needs any more: " +
                      report.scope().command("queue trim"),
              .object = printable(stream.name)},
             CheckReason::too_long);
  for (const RedisFacts::Group& group : stream.groups) examine_group(group, stream.name, report);
}

/// A line for each limit of the preset that is passed; nothing for streams without one.
void examine_limits(const std::vector<RedisFacts::Limits>& all, HealthReport& report) {
  for (const RedisFacts::Limits& limits : all) {
    for (const std::string& line : limits.passed)
      report.add({.name = "limits",
                  .text = line,
                  .hint = "see who is stuck: " + report.scope().command("queue stats"),
                  .object = printable(limits.stream)},
                 CheckReason::limit_passed);
    if (limits.passed.empty()) report.add({"limits", true, limits.stream + " keeps the limits of its preset"});
  }
}

ordered_json slow_log_data(const std::optional<RedisFacts::SlowLog>& log) {
  if (!log) return nullptr;
  ordered_json slowest;
  if (log->entries > 0)
    slowest = {{"command", log->command},
               {"microseconds", log->microseconds},
               {"at", rfc3339(std::chrono::system_clock::time_point(std::chrono::seconds(log->at)))}};
  return {{"entries", log->entries}, {"slowest", slowest}};
}

ordered_json own_data(const RedisFacts& facts) {
  ordered_json data = {{"pong", facts.pong && !facts.failure}};
  if (facts.failure) return data;
  if (facts.server) {
    data["version"] = facts.server->version;
    data["role"] = facts.server->role;
    data["uptime_seconds"] = facts.server->uptime_seconds;
  }
  if (facts.persistence) {
    data["appendonly"] = facts.persistence->appendonly;
    data["appendfsync"] = facts.persistence->appendfsync;
    data["aof_last_write_status"] = facts.persistence->last_write;
    data["aof_last_bgrewrite_status"] = facts.persistence->last_rewrite;
    data["rdb_last_bgsave_status"] = facts.persistence->last_snapshot;
  }
  if (facts.memory) {
    data["used_memory_bytes"] = facts.memory->used;
    data["maxmemory_bytes"] = facts.memory->limit;
    data["maxmemory_policy"] = facts.memory->policy;
    data["evicted_keys"] = facts.memory->evicted_keys;
    data["used_memory_peak_bytes"] = facts.memory->peak;
    data["memory_growth"] = growth_data(facts.memory_growth);
    data["evictions"] = growth_data(facts.evictions);
  }
  data["slow_log"] = slow_log_data(facts.slow_log);
  return data;
}

template <typename Number>
ordered_json number_or_null(const std::optional<Number>& number) {
  return number ? ordered_json(*number) : ordered_json();
}

ordered_json stream_data(const RedisFacts::Stream& stream) {
  ordered_json data = {{"name", stream.name},
                       {"length", number_or_null(stream.length)},
                       {"max_length", stream.max_length},
                       {"groups", ordered_json::array()}};
  for (const RedisFacts::Group& group : stream.groups) {
    if (!group.exists) continue;
    data["groups"].push_back({{"name", group.name},
                              {"pending", group.pending},
                              {"lag", number_or_null(group.lag)},
                              {"consumers", group.consumers},
                              {"lost_undelivered", group.lost_undelivered},
                              {"lost_pending", group.lost_pending}});
  }
  return data;
}

}  // namespace

std::string mark_of(const Check& check, bool color) {
  if (check.unknown) return painted("–", color_dim, color);
  if (!check.passed) return painted("✗", color_red, color);
  return check.warning ? painted("!", color_yellow, color) : painted("✓", color_green, color);
}

ordered_json growth_data(const std::optional<Growth>& growth) {
  if (!growth) return nullptr;
  return {{"amount", growth->amount}, {"seconds", growth->seconds}};
}

std::string Check::id() const {
  std::string slug = word.empty() ? name : word;
  std::replace(slug.begin(), slug.end(), ' ', '-');
  return slug;
}

void HealthReport::add(Check check, CheckReason reason) {
  if (check.unknown) {
    check.reason = CheckReason::not_permitted;
  } else if (!check.passed || check.warning) {
    check.reason = reason;
  }
  m_checks.push_back(std::move(check));
}

HealthReport::HealthReport() : m_data(std::make_unique<ordered_json>(ordered_json::object())) {}
HealthReport::~HealthReport() = default;
HealthReport::HealthReport(HealthReport&&) noexcept = default;

bool HealthReport::healthy() const {
  return std::all_of(m_checks.begin(), m_checks.end(),
                     [](const Check& check) { return check.passed || check.unknown; });
}

void examine_lost_lag(const std::string& stream, const std::string& group, HealthReport& report) {
  report.add({.name = "lag",
              .passed = true,
              .text = fmt::format("{} of {}: Redis does not know how many jobs wait; KEDA starts nothing for them",
                                  printable(group), printable(stream)),
              .hint = "tell it: " + report.scope().command("queue repair-lag"),
              .object = printable(group),
              .warning = true},
             CheckReason::unknown_lag);
}

void examine_redis(const RedisFacts& facts, HealthReport& report) {
  if (facts.asked && !facts.pong && !facts.failure) {
    report.add({"redis", false, facts.instead_of_pong,
                facts.code_instead_of_pong == "LOADING" ? "it is loading its data: ask again in a while" : ""},
               facts.code_instead_of_pong == "LOADING" ? CheckReason::loading : CheckReason::not_answering);
    return;
  }
  if (facts.server) examine_server(*facts.server, facts.foreign, report);
  if (facts.persistence) {
    examine_persistence(*facts.persistence, facts.foreign, report);
    examine_memory(facts, report);
  }
  if (facts.slow_log) examine_slow_log(*facts.slow_log, report);
  if (facts.acl) examine_acl(*facts.acl, report);
  for (const RedisFacts::Stream& stream : facts.streams) examine_stream(stream, report);
  if (facts.limits) examine_limits(*facts.limits, report);
  if (facts.failure) report.add({"redis", false, facts.failure->text, facts.failure->hint}, CheckReason::not_answering);
}

void add_redis_data(const RedisFacts& facts, ordered_json& data) {
  data["redis"] = own_data(facts);
  if (!facts.asked) return;
  data["streams"] = ordered_json::array();
  for (const RedisFacts::Stream& stream : facts.streams) data["streams"].push_back(stream_data(stream));
  if (!facts.limits) return;
  data["passed_limits"] = ordered_json::array();
  for (const RedisFacts::Limits& limits : *facts.limits) {
    for (const std::string& line : limits.passed) data["passed_limits"].push_back(line);
  }
}

ordered_json report_data(HealthReport& report) {
  ordered_json data = {{"healthy", report.healthy()}};
  data.update(report.data());
  data["checks"] = ordered_json::array();
  for (const Check& check : report.checks()) {
    data["checks"].push_back(
        {{"id", check.id()},
         {"object", check.object.empty() ? ordered_json() : ordered_json(check.object)},
         {"name", check.name},
         {"passed", check.unknown ? ordered_json() : ordered_json(check.passed)},
         {"warning", check.warning},
         {"reason", check.reason == CheckReason::none ? ordered_json() : ordered_json(reason_word(check.reason))},
         {"text", check.text},
         {"hint", (check.passed && !check.warning) || check.unknown ? ordered_json() : ordered_json(check.hint)}});
  }
  return data;
}

std::vector<JunitCase> junit_cases(const HealthReport& report) {
  std::vector<JunitCase> cases;
  for (const Check& check : report.checks()) {
    JunitCase one{.name = check.name};
    if (check.unknown) {
      one.skipped = check.text;
    } else if (!check.passed) {
      one.failure = check.hint.empty() ? check.text : fmt::format("{}\n{}", check.text, check.hint);
    } else {
      one.text = check.text;
    }
    cases.push_back(std::move(one));
  }
  return cases;
}

CommandResult render_report(const Context& context, const std::string& title, HealthReport& report) {
  const int code = static_cast<int>(report.healthy() ? ExitCode::ok : ExitCode::failure);
  if (context.format() == OutputFormat::table) {
    const bool color = context.colors_results();
    const bool healthy = report.healthy();
    std::string text = fmt::format(
        "{}: {}\n", title, painted(healthy ? "healthy" : "not healthy", healthy ? color_green : color_red, color));
    for (const Check& check : report.checks()) {
      text += fmt::format("  {} {:<12} {}\n", mark_of(check, color), check.name, printable(check.text));
      if (check.has_hint()) text += fmt::format("    {:<12} → {}\n", "", check.hint);
    }
    return {text, code};
  }
  if (context.format() == OutputFormat::junit) return {junit(title, junit_cases(report)), code};
  const ordered_json data = report_data(report);
  return {formatted(data, context.format()), code};
}

}  // namespace raibid
