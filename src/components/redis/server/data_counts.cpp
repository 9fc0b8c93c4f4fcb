#include "components/redis/server/data_counts.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"

namespace raibid {

namespace {

constexpr std::size_t scan_count = 1000;
constexpr std::size_t at_once = 100;

std::int64_t number_in(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// "keys=5,expires=1,avg_ttl=0" of INFO.
DataCounts::Database database_of(const std::string& line) {
  DataCounts::Database database;
  for (const std::string& field : split(line, ',')) {
    const std::size_t equals = field.find('=');
    if (equals == std::string::npos) continue;
    const std::int64_t value = number_in(std::string_view(field).substr(equals + 1));
    if (field.starts_with("keys=")) database.keys = value;
    if (field.starts_with("expires=")) database.expires = value;
  }
  return database;
}

std::map<int, DataCounts::Database> count_databases(RedisConnection& redis) {
  std::map<int, DataCounts::Database> databases;
  for (const auto& [name, value] : parse_info(checked(redis, {"INFO", "keyspace"}).text)) {
    int number = -1;
    if (!name.starts_with("db")) continue;
    const auto [end, problem] = std::from_chars(name.data() + 2, name.data() + name.size(), number);
    if (problem == std::errc() && end == name.data() + name.size()) databases[number] = database_of(value);
  }
  return databases;
}

void add_streams(RedisConnection& redis, int database, const std::vector<std::string>& names, DataCounts& counts) {
  for (std::size_t first = 0; first < names.size(); first += at_once) {
    const std::size_t end = std::min(names.size(), first + at_once);
    std::vector<std::vector<std::string>> questions;
    for (std::size_t i = first; i < end; ++i) {
      questions.push_back({"XINFO", "STREAM", names[i]});
      questions.push_back({"XINFO", "GROUPS", names[i]});
      questions.push_back({"PTTL", names[i]});
    }
    const std::vector<RedisReply> replies = redis.pipeline(questions);
    for (std::size_t i = first; i < end; ++i) {
      const RedisReply* const of_this = &replies[(i - first) * 3];
      const RedisReply* const length = of_this[0].field("length");
      const RedisReply* const last = of_this[0].field("last-generated-id");
      if (of_this[0].is_error() || length == nullptr || last == nullptr) continue;
      DataCounts::Stream stream{database, names[i], length->integer, last->text, {}, of_this[2].integer > 0};
      for (const RedisReply& group : of_this[1].items) {
        if (const RedisReply* const name = group.field("name")) stream.groups.push_back(name->text);
      }
      std::sort(stream.groups.begin(), stream.groups.end());
      counts.streams.push_back(std::move(stream));
    }
  }
}

/// Those of the database that the connection is in.
std::vector<std::string> names_of_streams(RedisConnection& redis, std::size_t most) {
  std::vector<std::string> names;
  std::string cursor = "0";
  do {
    const RedisReply reply = redis.command({"SCAN", cursor, "COUNT", std::to_string(scan_count), "TYPE", "stream"});
    if (reply.is_error() || reply.items.size() != 2) break;
    cursor = reply.items[0].text;
    for (const RedisReply& name : reply.items[1].items) names.push_back(name.text);
  } while (cursor != "0" && names.size() < most);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (names.size() > most) names.resize(most);
  return names;
}

/// "5-1" → (5, 1).
std::pair<std::uint64_t, std::uint64_t> order_of(const std::string& id) {
  std::pair<std::uint64_t, std::uint64_t> parts{0, 0};
  const char* const end = id.data() + id.size();
  const auto first = std::from_chars(id.data(), end, parts.first);
  if (first.ptr != end) std::from_chars(first.ptr + 1, end, parts.second);
  return parts;
}

std::string shown_stream(const DataCounts::Stream& stream) {
  return fmt::format("stream {}{}", printable(stream.name),
                     stream.database == 0 ? "" : fmt::format(" of database {}", stream.database));
}

std::vector<std::string> missing_groups_of(const DataCounts::Stream& expected, const DataCounts::Stream& seen) {
  std::vector<std::string> missing;
  std::set_difference(expected.groups.begin(), expected.groups.end(), seen.groups.begin(), seen.groups.end(),
                      std::back_inserter(missing));
  return missing;
}

std::optional<std::string> missing_stream(const DataCounts::Stream& expected, const DataCounts& seen) {
  const DataCounts::Stream* const found = seen.stream(expected.database, expected.name);
  if (found == nullptr) return expected.expires ? std::nullopt : std::optional(shown_stream(expected) + " is missing");
  if (found->length != expected.length) {
    return fmt::format("{} has {} instead of {}", shown_stream(expected), counted(found->length, "entry", "entries"),
                       with_separators(expected.length));
  }
  if (found->last_id != expected.last_id)
    return fmt::format("{} ends with {} instead of {}", shown_stream(expected), found->last_id, expected.last_id);
  const auto groups = missing_groups_of(expected, *found);
  if (!groups.empty()) return fmt::format("{} lacks group {}", shown_stream(expected), printable(join(groups, ", ")));
  return std::nullopt;
}

}  // namespace

std::int64_t DataCounts::keys() const {
  std::int64_t sum = 0;
  for (const auto& [number, database] : databases) sum += database.keys;
  return sum;
}

const DataCounts::Stream* DataCounts::stream(int database, const std::string& name) const {
  const auto found = std::find_if(streams.begin(), streams.end(), [&](const Stream& stream) {
    return stream.database == database && stream.name == name;
  });
  return found == streams.end() ? nullptr : &*found;
}

std::string DataCounts::text() const {
  std::string words = counted(keys(), "key", "keys");
  if (databases.size() > 1) words += fmt::format(" in {} databases", databases.size());
  if (streams.empty()) return words;
  std::int64_t entries = 0;
  for (const Stream& stream : streams) entries += stream.length;
  return words + fmt::format(", {} with {}", counted(static_cast<std::int64_t>(streams.size()), "stream", "streams"),
                             counted(entries, "entry", "entries"));
}

DataCounts count_data(RedisConnection& redis, int database, const std::vector<std::string>& streams) {
  DataCounts counts;
  counts.databases = count_databases(redis);
  add_streams(redis, database, streams, counts);
  return counts;
}

DataCounts count_all(RedisConnection& redis) {
  DataCounts counts;
  counts.databases = count_databases(redis);
  for (const auto& [number, database] : counts.databases) {
    if (counts.streams.size() >= most_counted_streams) break;
    if (redis.command({"SELECT", std::to_string(number)}).is_error()) continue;  // Redis Cluster knows database 0 alone
    add_streams(redis, number, names_of_streams(redis, most_counted_streams - counts.streams.size()), counts);
  }
  return counts;
}

std::vector<std::string> missing_data(const DataCounts& expected, const DataCounts& seen) {
  std::vector<std::string> missing;
  for (const auto& [number, database] : expected.databases) {
    const auto found = seen.databases.find(number);
    const std::int64_t keys = found == seen.databases.end() ? 0 : found->second.keys;
    if (keys > database.keys || keys < database.keys - database.expires) {
      missing.push_back(fmt::format("database {} has {} instead of {}{}", number, counted(keys, "key", "keys"),
                                    with_separators(database.keys),
                                    database.expires > 0 ? fmt::format(" ({} of them expire)", database.expires) : ""));
    }
  }
  for (const auto& [number, database] : seen.databases) {
    if (!expected.databases.contains(number) && database.keys > 0)
      missing.push_back(
          fmt::format("database {} has {} instead of none", number, counted(database.keys, "key", "keys")));
  }
  for (const DataCounts::Stream& stream : expected.streams) {
    if (auto what = missing_stream(stream, seen)) missing.push_back(std::move(*what));
  }
  return missing;
}

std::vector<std::string> missing_between(const DataCounts& before, const DataCounts& after, const DataCounts& seen) {
  if (before == after) return missing_data(before, seen);
  std::vector<std::string> missing;
  for (const auto& [number, database] : before.databases) {
    const auto later = after.databases.find(number);
    const auto found = seen.databases.find(number);
    const bool stayed = database.keys > database.expires && later != after.databases.end() &&
                        later->second.keys > later->second.expires;
    if (stayed && (found == seen.databases.end() || found->second.keys == 0))
      missing.push_back(fmt::format("database {} is missing", number));
  }
  for (const DataCounts::Stream& stream : before.streams) {
    const DataCounts::Stream* const later = after.stream(stream.database, stream.name);
    const DataCounts::Stream* const found = seen.stream(stream.database, stream.name);
    if (later == nullptr || later->expires || stream.expires) continue;
    if (found == nullptr) {
      missing.push_back(shown_stream(stream) + " is missing");
    } else if (order_of(found->last_id) < order_of(stream.last_id) ||
               order_of(later->last_id) < order_of(found->last_id)) {
      missing.push_back(fmt::format("{} ends with {}, which is not between {} and {}", shown_stream(stream),
                                    found->last_id, stream.last_id, later->last_id));
    }
  }
  return missing;
}

}  // namespace raibid
