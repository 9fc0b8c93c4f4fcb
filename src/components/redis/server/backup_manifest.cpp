#include "components/redis/server/backup_manifest.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/json_depth.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"

namespace raibid {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kind_of_backup = "raibid-cli backup";

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    if (!point.valid) return false;
    at += point.length;
  }
  return true;
}

/// Names in Redis are bytes: those that are no text are kept in base64.
ordered_json name_data(const std::string& name) {
  if (is_utf8(name)) return name;
  return {{"base64", base64_encode(name)}};
}

std::string name_from(const json& data) {
  return data.is_string() ? data.get<std::string>() : base64_decode(data.at("base64").get<std::string>());
}

ordered_json counts_data(const DataCounts& counts) {
  ordered_json databases = ordered_json::object(), streams = ordered_json::array();
  for (const auto& [number, database] : counts.databases)
    databases[std::to_string(number)] = {{"keys", database.keys}, {"expires", database.expires}};
  for (const DataCounts::Stream& stream : counts.streams) {
    ordered_json groups = ordered_json::array();
    for (const std::string& group : stream.groups) groups.push_back(name_data(group));
    streams.push_back({{"database", stream.database},
                       {"name", name_data(stream.name)},
                       {"length", stream.length},
                       {"last_id", stream.last_id},
                       {"groups", groups},
                       {"expires", stream.expires}});
  }
  return {{"databases", databases}, {"streams", streams}};
}

DataCounts counts_from(const json& data) {
  DataCounts counts;
  for (const auto& [number, database] : data.at("databases").items()) {
    counts.databases[std::stoi(number)] = {database.at("keys").get<std::int64_t>(),
                                           database.at("expires").get<std::int64_t>()};
  }
  for (const json& one : data.at("streams")) {
    DataCounts::Stream stream{one.at("database").get<int>(),
                              name_from(one.at("name")),
                              one.at("length").get<std::int64_t>(),
                              one.at("last_id").get<std::string>(),
                              {},
                              one.value("expires", false)};
    for (const json& group : one.at("groups")) stream.groups.push_back(name_from(group));
    std::sort(stream.groups.begin(), stream.groups.end());
    counts.streams.push_back(std::move(stream));
  }
  return counts;
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string BackupManifest::owner() const {
  return fmt::format("{}\n{}\n{}\n{}", target, cluster_uid, name_space, release);
}

std::string to_json(const BackupManifest& manifest) {
  ordered_json data = {{"kind", kind_of_backup},
                       {"version", 1},
                       {"file", manifest.file},
                       {"taken", manifest.taken},
                       {"target", manifest.target},
                       {"cluster_uid", manifest.cluster_uid},
                       {"context", manifest.context},
                       {"namespace", manifest.name_space},
                       {"release", manifest.release},
                       {"preset", manifest.preset},
                       {"subject", manifest.subject},
                       {"redis_version", manifest.redis_version},
                       {"bytes", manifest.bytes},
                       {"sha256", manifest.sha256},
                       {"used_memory", manifest.used_memory},
                       {"counts_are", manifest.exact ? "of the file" : "of the server before the copy"},
                       {"counts", counts_data(manifest.counts)},
                       {"verified", manifest.verified}};
  if (!manifest.verified_with.empty()) data["verified_with"] = manifest.verified_with;
  if (!manifest.not_verified.empty()) data["not_verified_because"] = manifest.not_verified;
  return json_text(data, 2) + "\n";
}

std::optional<BackupManifest> parse_backup_manifest(const std::string& text, const std::string& where) {
  const json data = try_parse_json(nested_too_deeply(text) ? "" : text);
  if (!data.is_object() || data.value("kind", json()) != json(kind_of_backup)) return std::nullopt;
  try {
    BackupManifest manifest;
    const auto word = [&data](const char* key) { return data.value(key, std::string()); };
    manifest.file = data.at("file").get<std::string>();
    manifest.taken = data.at("taken").get<std::string>();
    manifest.target = word("target");
    manifest.cluster_uid = word("cluster_uid");
    manifest.context = word("context");
    manifest.name_space = word("namespace");
    manifest.release = word("release");
    manifest.preset = word("preset");
    manifest.subject = word("subject");
    manifest.redis_version = word("redis_version");
    manifest.bytes = data.at("bytes").get<std::int64_t>();
    manifest.sha256 = data.at("sha256").get<std::string>();
    manifest.used_memory = data.value("used_memory", std::int64_t{0});
    manifest.exact = word("counts_are") == "of the file";
    manifest.counts = counts_from(data.at("counts"));
    manifest.verified = data.value("verified", false);
    manifest.verified_with = word("verified_with");
    manifest.not_verified = word("not_verified_because");
    if (!parse_rfc3339(manifest.taken) || manifest.bytes < 0 || manifest.file.find('/') != std::string::npos)
      throw Error(ExitCode::failure, "its values are not those of a backup");
    return manifest;
  } catch (const std::exception& error) {
    throw Error(ExitCode::failure, fmt::format("{} is damaged: {}", where, error.what()));
  }
}

std::string backup_name(const std::string& release, std::chrono::system_clock::time_point time) {
  std::string stamp = rfc3339(time);
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  return release + "-" + stamp;
}

std::string age_text(WallTime now, const std::string& then) {
  const auto time = parse_rfc3339(then);
  if (!time) return "-";
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(now - *time).count();
  if (minutes < 1) return "now";
  if (minutes < 60) return fmt::format("{} min", minutes);
  if (minutes < 48 * 60) return fmt::format("{} h", minutes / 60);
  return fmt::format("{} days", minutes / 60 / 24);
}

std::string ago(WallTime now, const std::string& then) {
  const std::string age = age_text(now, then);
  return age == "now" || age == "-" ? age : age + " ago";
}

bool is_backup_name(std::string_view file, std::string_view release) {
  for (const std::string_view ending : {".rdb", ".json"}) {
    if (!file.ends_with(ending)) continue;
    file.remove_suffix(ending.size());
    // …-20260131T090807Z
    constexpr std::size_t stamp_length = 16;
    if (file.size() < stamp_length + 2) return false;
    const std::string_view stamp = file.substr(file.size() - stamp_length);
    const bool is_time = all_digits(stamp.substr(0, 8)) && stamp[8] == 'T' && all_digits(stamp.substr(9, 6)) &&
                         stamp[15] == 'Z' && file[file.size() - stamp_length - 1] == '-';
    return is_time && (release.empty() || file.substr(0, file.size() - stamp_length - 1) == release);
  }
  return false;
}

int rdb_version(std::string_view first_bytes) {
  constexpr std::string_view magic = "REDIS", valkey = "VALKEY";
  const std::size_t begin = first_bytes.starts_with(magic) ? 5 : first_bytes.starts_with(valkey) ? 6 : 0;
  if (begin == 0 || first_bytes.size() < 9 || !all_digits(first_bytes.substr(begin, 9 - begin))) return 0;
  int version = 0;
  std::from_chars(first_bytes.data() + begin, first_bytes.data() + 9, version);
  return version;
}

int newest_rdb_version(const std::string& server_version) {
  const bool valkey = server_version.starts_with("valkey ");
  const std::string number = valkey ? server_version.substr(7) : server_version;
  int major = 0, minor = 0;
  const char* const end = number.data() + number.size();
  const auto first = std::from_chars(number.data(), end, major);
  if (first.ec != std::errc()) return 0;
  if (first.ptr != end) std::from_chars(first.ptr + 1, end, minor);
  if (valkey) return major <= 8 ? 11 : 0;
  if (major < 5) return 0;
  if (major < 7) return 9;
  if (major == 7) return minor < 2 ? 10 : minor < 4 ? 11 : 12;
  return 0;  // it grows with minor versions: the server's own redis-check-rdb decides
}

}  // namespace raibid
