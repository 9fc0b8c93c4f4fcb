#include "components/redis/settings/advice.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/redis/settings/redis_conf.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

bool holds(const RedisSettings& settings, std::string_view what) {
  return std::find(settings.holds.begin(), settings.holds.end(), what) != settings.holds.end();
}

/// "queue and locks": those of `of` that this Redis holds.
std::string held(const RedisSettings& settings, const std::vector<std::string>& of) {
  std::vector<std::string> found;
  for (const std::string& what : of) {
    if (holds(settings, what)) found.push_back(what);
  }
  return join(found, " and ");
}

std::int64_t maxmemory(const RedisSettings& settings) {
  return parse_redis_memory(directive(settings, "maxmemory")).value_or(0);
}

std::int64_t memory_limit(const RedisSettings& settings) {
  return settings.memory_limit.empty() ? 0 : parse_bytes(settings.memory_limit, "memory-limit");
}

std::string policy(const RedisSettings& settings) { return directive(settings, "maxmemory-policy"); }

/// Redis's own default is "no".
bool has_aof(const RedisSettings& settings) {
  return settings.persistence && directive(settings, "appendonly") == "yes";
}

bool evicts(const RedisSettings& settings) {
  return policy(settings).starts_with("allkeys-") && !held(settings, {"queue", "jobs", "locks"}).empty();
}

std::string why_evicts(const RedisSettings& settings) {
  return fmt::format("maxmemory-policy {} evicts any key when memory is full, those of the {} too", policy(settings),
                     held(settings, {"queue", "jobs", "locks"}));
}

std::string instead_of_evicting(const RedisSettings& settings) {
  if (holds(settings, "cache")) {
    return "maxmemory-policy: volatile-lru (only what has an expiry goes), or a Redis of its own for the cache";
  }
  return "maxmemory-policy: noeviction (a full Redis refuses what is new instead of forgetting what is there)";
}

bool has_no_maxmemory(const RedisSettings& settings) { return maxmemory(settings) == 0; }

std::string why_maxmemory(const RedisSettings&) {
  return "without maxmemory Redis grows until the kernel kills it, and starts again with the same data";
}

std::string some_maxmemory(const RedisSettings&) {
  return "--memory-limit 512Mi (maxmemory is made from it), or maxmemory: 307mb";
}

bool is_above_limit(const RedisSettings& settings) {
  return memory_limit(settings) > 0 && maxmemory(settings) >= memory_limit(settings);
}

std::string why_limit(const RedisSettings& settings) {
  return fmt::format("maxmemory {} is not below the memory limit of {}: the kernel would kill Redis before it is full",
                     directive(settings, "maxmemory"), settings.memory_limit);
}

std::string less_than_limit(const RedisSettings& settings) {
  constexpr std::int64_t mebibyte = 1024 * 1024;
  return fmt::format(
      "maxmemory: {}mb (0.6 of the limit, for a rewrite of the AOF needs the rest), or a higher --memory-limit",
      memory_limit(settings) * 6 / 10 / mebibyte);
}

bool forgets(const RedisSettings& settings) { return !held(settings, {"queue", "jobs"}).empty() && !has_aof(settings); }

std::string why_forgets(const RedisSettings& settings) {
  const std::string lost = settings.persistence ? "what came after the last snapshot" : "everything";
  return fmt::format("this Redis holds {}, and a restart loses {} of it", held(settings, {"queue", "jobs"}), lost);
}

std::string remember(const RedisSettings& settings) {
  return settings.persistence ? "appendonly: yes, appendfsync: everysec" : "no-persistence: false";
}

bool is_open(const RedisSettings& settings) {
  return settings.target == Target::kubernetes && settings.clients.empty();
}

std::string why_open(const RedisSettings&) { return "the NetworkPolicy lets every pod of the cluster connect"; }

std::string named_clients(const RedisSettings&) {
  return "--allow-from NAMESPACE[/KEY=VALUE], or clients: in a preset";
}

bool has_no_password(const RedisSettings& settings) { return !settings.auth; }

std::string why_password(const RedisSettings& settings) {
  if (settings.target == Target::local) {
    return "every program of this machine can read and change what is in this Redis";
  }
  return "whoever reaches this Redis can read and change everything; only the NetworkPolicy keeps others out, and some "
         "networks enforce none";
}

std::string a_password(const RedisSettings&) {
  return "no-auth: false, where the clients can carry a password: one is made, and url and export hand it over";
}

bool keeps_plain_port(const RedisSettings& settings) { return settings.tls.enabled() && settings.tls.migrate; }

std::string why_plain_port(const RedisSettings&) {
  return "clients that do not use TLS can still connect to the plain port, and send the password in clear text";
}

std::string no_plain_port(const RedisSettings&) {
  return "--tls-migrate=false, as soon as every client has moved to the TLS port";
}

/// A lock is as safe as its one Redis.
bool locks_on_one(const RedisSettings& settings) {
  return settings.target == Target::kubernetes && !settings.ha() && holds(settings, "locks");
}

std::string why_one_replica(const RedisSettings&) {
  return "locks live in one Redis: while it restarts nobody can lock, and with appendfsync everysec a lock of its last "
         "second is lost";
}

std::string durable_locks(const RedisSettings&) {
  return "check a fencing token in what the lock protects, and give every lock a timeout; or set appendfsync: always";
}

bool may_lose_acknowledged(const RedisSettings& settings) {
  return settings.ha() && (holds(settings, "queue") || holds(settings, "locks"));
}

std::string why_wait(const RedisSettings&) {
  return "Redis acknowledges a write before a replica has it: when the master's node dies, what was written in the "
         "last "
         "moment before can be lost";
}

std::string wait_for_one(const RedisSettings&) {
  return "WAIT 1 after what must not be lost, at half the rate; or a queue whose producers can send again";
}

bool is_moved(const RedisSettings& settings) { return !settings.moved.empty(); }

std::string why_moved(const RedisSettings& settings) {
  return fmt::format("preset {} is written for another namespace than {}; its own names follow: {}", settings.preset,
                     settings.name_space, join(settings.moved, ", "));
}

std::string own_namespace(const RedisSettings&) {
  return "the preset's own namespace (without -n), or --allow-from NAMESPACE[/KEY=VALUE] for the application's";
}

// --- what only shows when it runs ---

bool is_on_one_node(const RedisSettings& settings, const SeenRedis& seen) {
  const std::vector<std::string>& places = seen.places;
  return settings.ha() && places.size() > 1 && !places.front().empty() &&
         std::all_of(places.begin(), places.end(), [&](const std::string& place) { return place == places.front(); });
}

std::string why_one_node(const SeenRedis& seen) {
  return fmt::format("all {} pods run on node {}: its loss takes all of them", seen.places.size(), seen.places.front());
}

bool has_groups(const RedisSettings& settings) {
  return std::any_of(settings.streams.begin(), settings.streams.end(),
                     [](const StreamSpec& stream) { return !stream.groups.empty(); });
}

bool forgets_lag(const RedisSettings& settings, const SeenRedis& seen) {
  return settings.target != Target::local && has_groups(settings) && !keeps_lag(seen.version);
}

std::string why_lag(const SeenRedis& seen) {
  return fmt::format(
      "Redis {} forgets at a restart and at a failover how many jobs of a stream wait (the lag of its groups): "
      "KEDA, which goes by it, then starts nothing for them",
      seen.version);
}

struct SeenRule {
  std::string_view name;
  bool (*applies)(const RedisSettings& settings, const SeenRedis& seen);
  std::string (*reason)(const SeenRedis& seen);
  std::string_view better;
};

constexpr SeenRule seen_rules[] = {
    {"one-node", is_on_one_node, why_one_node,
     "a cluster of three nodes or more; there, pods that are deleted one after the other spread"},
    {"lag-unknown", forgets_lag, why_lag,
     "an --image with Redis 7.4 or Valkey 8.0, or newer; till then `queue repair-lag` after a restart"},
};

}  // namespace

bool keeps_lag(const std::string& version) {
  constexpr std::string_view valkey = "valkey ";
  const bool is_valkey = version.starts_with(valkey);
  const char* const begin = version.data() + (is_valkey ? valkey.size() : 0);
  const char* const end = version.data() + version.size();
  int major = 0, minor = 0;
  const auto [dot, error] = std::from_chars(begin, end, major);
  if (error != std::errc() || dot == end || *dot != '.') return true;
  if (std::from_chars(dot + 1, end, minor).ec != std::errc()) return true;
  return is_valkey ? major >= 8 : major > 7 || (major == 7 && minor >= 4);
}

const std::vector<AdviceRule>& advice_rules() {
  static const std::vector<AdviceRule> table = {
      {"eviction", evicts, why_evicts, instead_of_evicting},
      {"no-maxmemory", has_no_maxmemory, why_maxmemory, some_maxmemory},
      {"maxmemory-above-limit", is_above_limit, why_limit, less_than_limit},
      {"no-persistence", forgets, why_forgets, remember},
      {"open-network", is_open, why_open, named_clients},
      {"no-password", has_no_password, why_password, a_password},
      {"plain-port", keeps_plain_port, why_plain_port, no_plain_port},
      {"one-replica", locks_on_one, why_one_replica, durable_locks},
      {"wait", may_lose_acknowledged, why_wait, wait_for_one},
      {"other-namespace", is_moved, why_moved, own_namespace},
  };
  return table;
}

namespace {

std::string accepted_reason(const RedisSettings& settings, std::string_view name) {
  const auto accepted = settings.accepted.find(std::string(name));
  return accepted == settings.accepted.end() ? "" : accepted->second.reason;
}

std::vector<Advice> advise_on_seen(const RedisSettings& settings, const SeenRedis& seen) {
  std::vector<Advice> all;
  for (const SeenRule& rule : seen_rules) {
    if (rule.applies(settings, seen))
      all.push_back(
          {std::string(rule.name), rule.reason(seen), std::string(rule.better), accepted_reason(settings, rule.name)});
  }
  return all;
}

/// Tells of what was accepted; returns a line for each of the others.
std::vector<std::string> warnings_of(const Context& context, const std::vector<Advice>& all) {
  std::vector<std::string> warnings;
  for (const Advice& advice : all) {
    if (advice.accepted.empty()) {
      warnings.push_back(fmt::format("{}: {}; better: {}", advice.name, advice.reason, advice.better));
    } else {
      context.reporter.detail(fmt::format("accepted {}: {} ({})", advice.name, advice.reason, advice.accepted));
    }
  }
  return warnings;
}

}  // namespace

std::vector<Advice> advise(const RedisSettings& settings) {
  std::vector<std::string> known;
  for (const AdviceRule& rule : advice_rules()) known.emplace_back(rule.name);
  for (const SeenRule& rule : seen_rules) known.emplace_back(rule.name);
  for (const auto& [name, accepted] : settings.accepted) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    throw Error(ExitCode::usage,
                fmt::format("{}: accepted: there is no warning {}{}", accepted.where, in_quotes(name),
                            did_you_mean(name, known)),
                "there are: " + join(known, ", "));
  }
  std::vector<Advice> all;
  // the rules are about how a Redis is made; one that is there is asked what it is
  if (settings.target == Target::external) return all;
  for (const AdviceRule& rule : advice_rules()) {
    if (!rule.applies(settings)) continue;
    all.push_back(
        {std::string(rule.name), rule.reason(settings), rule.better(settings), accepted_reason(settings, rule.name)});
  }
  return all;
}

std::vector<Advice> advise(const RedisSettings& settings, const SeenRedis& seen) {
  std::vector<Advice> all = advise(settings);
  for (Advice& advice : advise_on_seen(settings, seen)) all.push_back(std::move(advice));
  return all;
}

std::optional<Advice> find_advice(std::string_view name, const RedisSettings& settings, const SeenRedis& seen) {
  for (Advice& advice : advise_on_seen(settings, seen)) {
    if (advice.name == name) return std::move(advice);
  }
  return std::nullopt;
}

void give_advice(const Context& context, const RedisSettings& settings, const SeenRedis& seen) {
  for (const std::string& warning : warnings_of(context, advise_on_seen(settings, seen)))
    context.reporter.warning(warning);
}

void give_advice(const Context& context, const RedisSettings& settings) {
  const std::vector<std::string> warnings = warnings_of(context, advise(settings));
  if (settings.strict && !warnings.empty()) {
    throw Error(ExitCode::usage, "--strict: " + join(warnings, "\n"),
                "choose the better value, leave --strict out, or say under accepted: of a preset why it is right here");
  }
  for (const std::string& warning : warnings) context.reporter.warning(warning);
}

nlohmann::ordered_json advice_json(const RedisSettings& settings, const SeenRedis& seen) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Advice& advice : advise(settings, seen)) {
    nlohmann::ordered_json accepted;
    if (!advice.accepted.empty()) accepted = advice.accepted;
    list.push_back(
        {{"name", advice.name}, {"reason", advice.reason}, {"better", advice.better}, {"accepted", accepted}});
  }
  return list;
}

}  // namespace raibid
