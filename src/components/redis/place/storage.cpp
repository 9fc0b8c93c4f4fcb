#include "components/redis/place/storage.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/quantity.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

/// As the alert RedisClaimFilling.
constexpr std::int64_t soon_full = 4 * 24 * 3600;

bool less_than_a_tenth_is_free(const Storage& one) { return one.free < one.capacity / 10; }

bool is_full(const Storage& one) { return one.shared ? one.free < one.used : less_than_a_tenth_is_free(one); }

std::string text_of(const Storage& one) {
  std::string text = one.shared
                         ? fmt::format("{} used, {} free on a disk of {} that others use, too", format_bytes(one.used),
                                       format_bytes(one.free), format_bytes(one.capacity))
                         : fmt::format("{} of {} used, {} free", format_bytes(one.used), format_bytes(one.capacity),
                                       format_bytes(one.free));
  if (one.growth) text += ", " + growth_text(*one.growth);
  if (const auto left = seconds_left(one.growth, one.free))
    text += fmt::format(": full in {} at this rate", rough_time(*left));
  return text;
}

const char* word_of(Storage::From from) {
  return from == Storage::From::kubelet ? "kubelet" : from == Storage::From::pod ? "pod" : "folder";
}

}  // namespace

bool has_room(const Storage& one) { return !is_full(one) && !less_than_a_tenth_is_free(one); }

void examine_storage(const std::vector<Storage>& all, HealthReport& report) {
  for (const Storage& one : all) {
    const bool full = is_full(one);
    const auto left = seconds_left(one.growth, one.free);
    const bool filling = left && *left < soon_full;
    const bool local = one.from == Storage::From::folder;
    Check check{.name = "storage", .passed = !full, .text = text_of(one), .object = one.place};
    check.warning = !full && (filling || !has_room(one));
    check.hint = local ? "make room on this disk: when it is full, Redis refuses every write (MISCONF)"
                 : one.shared
                     ? "make room on the disk of its node: when it is full, Redis refuses every write (MISCONF)"
                     : "give it more with --size, or let the workers catch up and trim the queue";
    report.add(std::move(check), full || !filling ? CheckReason::full : CheckReason::filling);
  }
}

ordered_json storage_data(const std::vector<Storage>& all) {
  ordered_json list = ordered_json::array();
  for (const Storage& one : all) {
    const auto left = seconds_left(one.growth, one.free);
    list.push_back({{"place", one.place},
                    {"used_bytes", one.used},
                    {"free_bytes", one.free},
                    {"capacity_bytes", one.capacity},
                    {"shared", one.shared},
                    {"from", word_of(one.from)},
                    {"growth", growth_data(one.growth)},
                    {"seconds_left", left ? ordered_json(*left) : ordered_json()}});
  }
  return list;
}

void take_trend(const Context& context, const std::string& what, RedisFacts& redis, std::vector<Storage>& storage) {
  UsageSample now;
  now.at = unix_seconds(context.clock.wall());
  if (redis.memory) {
    now.memory = redis.memory->used;
    now.evicted_keys = redis.memory->evicted_keys;
  }
  for (const Storage& one : storage) now.storage[one.place] = one.used;
  // of a server of this machine it goes with the server's folder
  const bool is_folder = what.starts_with('/');
  UsageHistory history(context.files, is_folder ? std::filesystem::path(what) : context.paths.home, what);
  const auto if_known = [](std::int64_t number) {
    return number > 0 ? std::optional<std::int64_t>(number) : std::nullopt;
  };
  redis.memory_growth =
      growth_of(history.samples(), now, [&](const UsageSample& sample) { return if_known(sample.memory); });
  redis.evictions = growth_of(history.samples(), now, [&](const UsageSample& sample) {
    return sample.memory > 0 ? std::optional(sample.evicted_keys) : std::nullopt;
  });
  if (redis.evictions && redis.evictions->amount < 0) redis.evictions.reset();  // it has started again since
  for (Storage& one : storage) {
    one.growth = growth_of(history.samples(), now, [&](const UsageSample& sample) {
      const auto found = sample.storage.find(one.place);
      return found == sample.storage.end() ? std::nullopt : std::optional(found->second);
    });
  }
  if (!context.guard.dry_run() && (redis.memory || !storage.empty())) history.add(now);
}

}  // namespace raibid
