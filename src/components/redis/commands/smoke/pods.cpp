#include "components/redis/commands/smoke/pods.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/commands/smoke/lock.hpp"
#include "components/redis/commands/smoke/operation.hpp"

// The SLA tool: several pods that share a cache, tell each other of changes, and refresh one at a time.

namespace raibid {

namespace {

constexpr int pods = 8;
constexpr int messages = 20;
constexpr Duration lock_ttl = std::chrono::hours(6);
constexpr Duration usual_timeout = std::chrono::minutes(5);
constexpr Duration short_timeout = std::chrono::milliseconds(100);
constexpr Duration noticed_within = std::chrono::seconds(3);  // a port-forward takes one to hand a closed connection on
constexpr const char* lock_prefix = "sla:";
constexpr const char* usual_channels = "sla:refresh,sla:changes";

std::string pod_name(std::size_t pod) { return fmt::format("pod-{}", pod); }

/// All pods ask for the entry at once, find none, and want to make it. How many made it.
int get_or_set(const SmokeClients& clients, const std::string& key, const std::string& lock, const std::string& value,
               Duration ttl) {
  for (const RedisReply& seen : ask_at_once(clients, [&](std::size_t) {
         return std::vector<std::string>{"GET", key};
       })) {
    expect(seen.is_nil(), "an entry that nobody made is there");
  }
  const std::vector<RedisReply> locks =
      ask_at_once(clients, [&](std::size_t pod) { return acquire_command(lock, pod_name(pod), usual_timeout); });
  const auto made = static_cast<int>(
      std::count_if(locks.begin(), locks.end(), [](const RedisReply& reply) { return !reply.is_nil(); }));
  if (made != 1) return made;
  for (std::size_t pod = 0; pod < clients.size(); ++pod) {
    if (locks[pod].is_nil()) continue;
    checked(*clients[pod], {"SET", key, value, "PX", milliseconds(ttl)});
    expect(release(*clients[pod], lock, pod_name(pod)), "the lock of who makes an entry was not its own");
  }
  for (const RedisReply& seen : ask_at_once(clients, [&](std::size_t) {
         return std::vector<std::string>{"GET", key};
       })) {
    expect(seen.text == value, "a pod reads another entry than was made");
  }
  return made;
}

/// A lock that hands out a growing number with it: 0 when it is taken.
std::vector<std::string> fenced_command(const std::string& lock, const std::string& owner, Duration timeout) {
  constexpr const char* script = R"(
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
return redis.call('INCR', KEYS[2]))";
  return {"EVAL", script, "2", lock, lock + ":token", owner, milliseconds(timeout)};
}

/// A write that is refused when a later holder has written already.
bool fenced_write(RedisConnection& redis, const std::string& key, std::int64_t token, const std::string& value) {
  constexpr const char* script = R"(
local last = tonumber(redis.call('HGET', KEYS[1], 'token') or '0')
if tonumber(ARGV[1]) < last then return 0 end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'value', ARGV[2])
return 1)";
  return run_script(redis, script, {key}, {std::to_string(token), value}).integer == 1;
}

// Its holder is stuck: the timeout frees the lock, and what the holder writes too late is refused.
void expire_under_its_holder(SmokeBench& bench, const SmokeClients& clients, const std::string& lock,
                             const std::string& data) {
  const std::int64_t late = checked(*clients[0], fenced_command(lock, pod_name(0), short_timeout)).integer;
  expect(late > 0, "a free lock was refused");
  bench.wait(short_timeout * 2);
  const std::int64_t next = checked(*clients[1], fenced_command(lock, pod_name(1), usual_timeout)).integer;
  expect(next > 0, "a lock outlives its timeout");
  expect(next > late, "a later holder's token is not larger");
  expect(fenced_write(*clients[1], data, next, "fresh"), "the holder of a lock could not write");
  expect(!fenced_write(*clients[0], data, late, "stale"), "a holder that lost its lock could still write");
  expect(!release(*clients[0], lock, pod_name(0)), "a holder that lost its lock released the next one's");
  expect(checked(bench.redis(), {"HGET", data, "value"}).text == "fresh", "a late write replaced a newer one");
  expect(release(*clients[1], lock, pod_name(1)), "a lock could not be released by its holder");
}

/// Cutting a connection takes rights that a managed service may not give.
RedisReply permitted(RedisReply reply) {
  if (is_refused_command(reply)) throw NotPermitted("no connection can be cut here to see what happens: " + reply.text);
  expect(!reply.is_error(), "Redis refuses CLIENT: " + reply.text);
  return reply;
}

struct Heard {
  std::string channel, text;
};

Heard next_message(RedisConnection& subscriber) {
  const RedisReply message = subscriber.receive();
  expect(message.items.size() == 3 && message.items[0].text == "message",
         "a subscriber got something else than a message");
  return {message.items[1].text, message.items[2].text};
}

}  // namespace

std::string smoke_get_or_set(SmokeBench& bench, const SmokeParameters& parameters) {
  const Duration ttl = time_parameter(parameters, "ttl", lock_ttl);
  const SmokeClients clients = bench.clients(pods);
  const std::string prefix = bench.key(parameter(parameters, "prefix", lock_prefix));
  const std::string key = prefix + "entities";
  constexpr int rounds = 5;
  for (int round = 0; round < rounds; ++round) {
    const int made =
        get_or_set(clients, key, prefix + "cache_lock", fmt::format(R"([{{"entity":"grün","round":{}}}])", round), ttl);
    expect(made == 1, fmt::format("{} of {} pods made the entry instead of one", made, pods));
    expect_ttl(bench.redis(), key, ttl);
    checked(bench.redis(), {"DEL", key});
  }
  return fmt::format("{} pods at once, {} times: the entry was made once each time, for {} h", pods, rounds,
                     ttl.count() / 3600000);
}

std::string smoke_pubsub_invalidation(SmokeBench& bench, const SmokeParameters& parameters) {
  const SmokeClients subscribers = bench.clients(pods);
  std::vector<std::string> subscribe = {"SUBSCRIBE"};
  for (const std::string& channel : list_parameter(parameters, "channels", usual_channels))
    subscribe.push_back(bench.key(channel));
  const std::size_t channels = subscribe.size() - 1;
  for (const auto& subscriber : subscribers) {
    subscriber->send(subscribe);
    for (std::size_t i = 0; i < channels; ++i) {  // one confirmation a channel
      const RedisReply confirmed = subscriber->receive();
      expect(!confirmed.is_error(), "Redis refuses SUBSCRIBE: " + confirmed.text);
    }
  }
  const std::string key = bench.key(parameter(parameters, "prefix", lock_prefix)) + "entity";
  std::map<std::size_t, std::string> memory;  // of each pod
  for (int number = 0; number < messages; ++number) {
    const std::string& channel = subscribe[1 + static_cast<std::size_t>(number) % channels];
    const std::string value = fmt::format("sla {}", number);
    checked(bench.redis(), {"SET", key, value});
    const std::int64_t told = checked(bench.redis(), {"PUBLISH", channel, value}).integer;
    expect(told == pods, fmt::format("{} of {} pods were told of a change", told, pods));
    for (std::size_t pod = 0; pod < subscribers.size(); ++pod) {
      const Heard heard = next_message(*subscribers[pod]);
      expect(heard.channel == channel && heard.text == value, "a pod heard of another change than the newest");
      memory[pod] = checked(bench.redis(), {"GET", key}).text;
      expect(memory[pod] == value, "a pod that was told of a change reads the old value");
    }
  }
  return fmt::format("{} changes on {} channels: all {} pods heard of each, in order", messages, channels, pods);
}

std::string smoke_fencing_locks(SmokeBench& bench, const SmokeParameters& parameters) {
  const Duration timeout = time_parameter(parameters, "timeout", usual_timeout);
  expect_no_eviction(bench.admin(), "a lock that is held");
  const SmokeClients clients = bench.clients(pods);
  const std::string prefix = bench.key(parameter(parameters, "prefix", lock_prefix));
  const std::string lock = prefix + "cache_lock";
  std::int64_t last = 0;
  for (int round = 0; round < pods; ++round) {
    const std::vector<RedisReply> tokens =
        ask_at_once(clients, [&](std::size_t pod) { return fenced_command(lock, pod_name(pod), timeout); });
    std::size_t holder = clients.size();
    for (std::size_t pod = 0; pod < clients.size(); ++pod) {
      if (tokens[pod].integer == 0) continue;
      expect(holder == clients.size(), "a lock was given to two pods");
      holder = pod;
    }
    expect(holder < clients.size(), "a free lock was given to nobody");
    expect(tokens[holder].integer > last, "a later holder's token is not larger");
    last = tokens[holder].integer;
    expect_ttl(bench.redis(), lock, timeout);
    expect(release(*clients[holder], lock, pod_name(holder)), "a lock could not be released by its holder");
  }
  expire_under_its_holder(bench, clients, lock, prefix + "data");
  return fmt::format("{} pods, {} s timeout: one holder at a time, a late write refused", pods, timeout.count() / 1000);
}

std::string smoke_fallback(SmokeBench& bench, const SmokeParameters& parameters) {
  const std::string key = bench.key(parameter(parameters, "prefix", lock_prefix)) + "metrics";
  std::unique_ptr<RedisConnection> pod = bench.connect();
  const std::string memory = R"({"overallCompliance":99.5})";
  checked(*pod, {"SET", key, memory, "EX", "60"});
  const std::string id = std::to_string(permitted(pod->command({"CLIENT", "ID"})).integer);
  // what the pod sees of a Redis that goes away, without taking it away from others
  const RedisReply cut_one = permitted(bench.admin().command({"CLIENT", "KILL", "ID", id}));
  expect(cut_one.integer == 1, "the pod's connection could not be cut");
  const TimePoint cut = bench.now();
  bool noticed = false;
  try {
    pod->command({"GET", key});
  } catch (const Error&) {
    noticed = true;
  }
  expect(noticed, "a pod whose connection was cut still got an answer over it");
  const auto took = std::chrono::duration_cast<Duration>(bench.now() - cut);
  expect(took < noticed_within, fmt::format("a pod noticed only after {} ms that Redis is away", took.count()));
  pod = bench.connect();
  expect(checked(*pod, {"GET", key}).text == memory, "the cache is not there any more after a new connection");
  const std::string later = R"({"overallCompliance":98.0})";
  checked(*pod, {"SET", key, later, "EX", "60"});
  expect(checked(bench.redis(), {"GET", key}).text == later, "what a pod brings back from its memory is not seen");
  return fmt::format("a cut connection was noticed after {} ms, and taken up again", took.count());
}

}  // namespace raibid
