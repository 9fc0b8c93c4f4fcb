#include "components/redis/server/running_config.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"

namespace raibid {

namespace {

using namespace std::string_view_literals;
using Words = std::vector<std::string>;

/// Read at the start and unknown to CONFIG GET: a Redis that runs has taken them.
constexpr std::array start_only{"include"sv, "loadmodule"sv, "rename-command"sv, "user"sv};
/// What "A" stands for in notify-keyspace-events ("m" and "n" are not in it).
constexpr std::string_view all_events = "g$lshzxetd";
constexpr std::size_t buffer_limit_words = 4;

/// Lines of one directive put together as Redis does; the words of its value.
struct Wanted {
  std::string name;
  Words words;
};

Words words_of(const std::string& value) {
  if (auto words = redis_words(value)) return *words;
  return {value};
}

bool is_empty(const Words& words) { return words.empty() || (words.size() == 1 && words.front().empty()); }

std::string buffer_class(const std::string& name) { return to_lower(name) == "replica" ? "slave" : to_lower(name); }

/// A later line replaces an earlier one, except that save lines add up (until an empty one) and
/// client-output-buffer-limit lines stand beside each other for each class of client.
std::vector<Wanted> gather(const Directives& directives) {
  std::vector<Wanted> gathered;
  for (const auto& [name, value] : directives) {
    const Words words = words_of(value);
    const auto same = std::find_if(gathered.begin(), gathered.end(),
                                   [&name = name](const Wanted& wanted) { return wanted.name == name; });
    if (same == gathered.end()) {
      gathered.push_back({name, words});
    } else if (name == "client-output-buffer-limit" || (name == "save" && !is_empty(words) && !is_empty(same->words))) {
      same->words.insert(same->words.end(), words.begin(), words.end());
    } else {
      same->words = words;
    }
  }
  return gathered;
}

bool same_word(const std::string& running, const std::string& wanted) {
  if (running == wanted) return true;
  const auto bytes = parse_redis_memory(wanted);
  return (bytes && parse_redis_memory(running) == bytes) || to_lower(running) == to_lower(wanted);
}

bool same_words(const Words& running, const Words& wanted) {
  if (is_empty(running) || is_empty(wanted)) return is_empty(running) && is_empty(wanted);
  if (join(running, " ") == join(wanted, " ")) return true;  // CONFIG GET shows a quoted value without its quotes
  return std::equal(running.begin(), running.end(), wanted.begin(), wanted.end(), same_word);
}

/// The events are a set of letters whose case matters: "K" and "k" are two of them.
bool same_events(const Words& running, const Words& wanted) {
  const auto letters = [](const Words& words) {
    const std::string text = join(words, "");
    std::set<char> events(text.begin(), text.end());
    if (events.erase('A') > 0) events.insert(all_events.begin(), all_events.end());
    return events;
  };
  return letters(running) == letters(wanted);
}

/// By class: its hard limit, soft limit and seconds. The running value names every class, the wanted one those that
/// were set.
std::map<std::string, Words> buffer_limits(const Words& words) {
  std::map<std::string, Words> limits;
  for (std::size_t at = 0; at + buffer_limit_words <= words.size(); at += buffer_limit_words) {
    const auto first = words.begin() + static_cast<std::ptrdiff_t>(at);
    limits[buffer_class(*first)] = Words(first + 1, first + static_cast<std::ptrdiff_t>(buffer_limit_words));
  }
  return limits;
}

bool same_buffer_limits(const Words& running, const Words& wanted) {
  const auto present = buffer_limits(running);
  const auto asked = buffer_limits(wanted);
  return std::all_of(asked.begin(), asked.end(), [&](const auto& limit) {
    const auto found = present.find(limit.first);
    return found != present.end() && same_words(found->second, limit.second);
  });
}

bool same_value(const std::string& name, const Words& running, const Words& wanted) {
  if (name == "notify-keyspace-events") return same_events(running, wanted);
  if (name == "client-output-buffer-limit") return same_buffer_limits(running, wanted);
  return same_words(running, wanted);
}

RedisReply checked_reply(RedisReply reply, const std::string& question) {
  if (!reply.is_error()) return reply;
  throw Error(ExitCode::failure, fmt::format("while asking Redis for {}: it says {}", question, printable(reply.text)),
              "the default user needs the right to ask: is this the Redis that was set up?");
}

/// "AOF everysec", or what there is instead.
std::string describe_persistence(const std::map<std::string, std::string>& config) {
  if (config.at("appendonly") == "yes") return "AOF " + config.at("appendfsync");
  return config.at("save").empty() ? "no persistence" : "snapshots";
}

std::string describe_memory(const std::map<std::string, std::string>& config) {
  const std::int64_t limit = parse_redis_memory(config.at("maxmemory")).value_or(0);
  return limit == 0 ? "no maxmemory"
                    : fmt::format("maxmemory {} {}", format_bytes(limit), config.at("maxmemory-policy"));
}

}  // namespace

std::vector<Difference> config_differences(RedisConnection& redis, const Directives& directives) {
  std::vector<Wanted> wanted = gather(directives);
  std::erase_if(wanted, [](const Wanted& line) {
    return std::find(start_only.begin(), start_only.end(), line.name) != start_only.end();
  });
  if (wanted.empty()) return {};
  std::vector<Words> questions;
  for (const Wanted& line : wanted) questions.push_back({"CONFIG", "GET", line.name});
  const std::vector<RedisReply> replies = redis.pipeline(questions);
  std::vector<Difference> differences;
  for (std::size_t at = 0; at < wanted.size(); ++at) {
    const Wanted& line = wanted[at];
    const RedisReply reply = checked_reply(replies.at(at), line.name);
    const RedisReply* value = reply.field(line.name);
    const std::string running = value ? value->text : "unknown to this Redis";
    if (!value || !same_value(line.name, words_of(running), line.words)) {
      differences.push_back({line.name, running, join(line.words, " ")});
    }
  }
  return differences;
}

std::string about_less_memory(RedisConnection& redis, const Directives& wanted, const std::string& hint) {
  std::int64_t limit = 0;
  std::string policy = "noeviction";  // Redis' own default
  for (const auto& [name, value] : wanted) {
    if (name == "maxmemory") limit = parse_redis_memory(value).value_or(0);
    if (name == "maxmemory-policy") policy = to_lower(value);
  }
  const auto memory = parse_info(checked_reply(redis.command({"INFO", "memory"}), "INFO").text);
  const auto bytes = [&](const char* name) {
    const auto found = memory.find(name);
    return found == memory.end() ? 0 : parse_redis_memory(found->second).value_or(0);
  };
  const std::int64_t used = bytes("used_memory");
  const std::int64_t running = bytes("maxmemory");
  const bool lower = limit > 0 && (running == 0 || limit < running);
  if (!lower || used < limit) return "";
  const std::string what =
      fmt::format("Redis holds {}, and maxmemory would be {}", format_bytes(used), format_bytes(limit));
  if (policy == "noeviction") throw Error(ExitCode::preflight, what + ": it would refuse every write", hint);
  return fmt::format("{}: it drops keys ({}) until it fits", what, policy);
}

std::string describe_redis(RedisConnection& redis) {
  const Words names{"appendonly", "appendfsync", "save", "maxmemory", "maxmemory-policy"};
  std::vector<Words> questions{{"PING"}, {"INFO", "server"}};
  for (const std::string& name : names) questions.push_back({"CONFIG", "GET", name});
  const std::vector<RedisReply> replies = redis.pipeline(questions);
  const auto server = parse_info(checked_reply(replies.at(1), "INFO").text);
  std::map<std::string, std::string> config;
  for (std::size_t at = 0; at < names.size(); ++at) {
    const RedisReply reply = checked_reply(replies.at(at + 2), names[at]);
    const RedisReply* value = reply.field(names[at]);
    config[names[at]] = value ? value->text : "";
  }
  const auto valkey = server.find("valkey_version");
  const auto version = server.find("redis_version");
  const std::string shown = valkey != server.end()    ? "valkey " + valkey->second
                            : version != server.end() ? version->second
                                                      : "unknown version";
  return fmt::format("{} · {} · {} · {}", printable(checked_reply(replies.at(0), "PING").text), printable(shown),
                     describe_persistence(config), describe_memory(config));
}

}  // namespace raibid
