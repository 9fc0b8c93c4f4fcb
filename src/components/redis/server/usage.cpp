#include "components/redis/server/usage.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <system_error>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "sys/random.hpp"

namespace raibid {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::int64_t between_samples = 1800;
constexpr std::int64_t kept_for = 7 * 24 * 3600;
constexpr auto forgotten_after = std::chrono::hours(30 * 24);

std::int64_t number_in(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

std::optional<UsageSample> sample_of(const std::string& line) {
  const json object = try_parse_json(line);
  if (!object.is_object() || number_in(object, "at") <= 0) return std::nullopt;
  UsageSample sample{number_in(object, "at"), number_in(object, "memory"), number_in(object, "evicted")};
  if (const auto storage = object.find("storage"); storage != object.end() && storage->is_object()) {
    for (const auto& [place, bytes] : storage->items()) {
      if (bytes.is_number_integer()) sample.storage[place] = bytes.get<std::int64_t>();
    }
  }
  return sample;
}

std::string line_of(const UsageSample& sample) {
  const nlohmann::ordered_json object = {
      {"at", sample.at}, {"memory", sample.memory}, {"evicted", sample.evicted_keys}, {"storage", sample.storage}};
  return json_text(object) + "\n";
}

}  // namespace

std::optional<std::int64_t> seconds_left(const std::optional<Growth>& growth, std::int64_t free) {
  if (!growth || growth->amount <= 0 || growth->seconds <= 0) return std::nullopt;
  return static_cast<std::int64_t>(static_cast<double>(std::max<std::int64_t>(free, 0)) *
                                   static_cast<double>(growth->seconds) / static_cast<double>(growth->amount));
}

std::string rough_time(std::int64_t seconds) {
  constexpr std::int64_t minute = 60;
  constexpr std::int64_t hour = 60 * minute;
  constexpr std::int64_t day = 24 * hour;
  constexpr std::int64_t two = 2;
  if (seconds < two * hour) return fmt::format("{} min", seconds / minute);
  if (seconds < two * day) return fmt::format("{} h", seconds / hour);
  constexpr std::int64_t many = 1000;
  return seconds / day > many ? fmt::format("more than {} days", many) : fmt::format("{} days", seconds / day);
}

std::string growth_text(const Growth& growth) {
  const std::string time = rough_time(growth.seconds);
  // less than a hundredth of a MiB is noise
  constexpr std::int64_t noise = 10240;
  if (growth.amount > -noise && growth.amount < noise) return "no growth in " + time;
  return fmt::format("{}{} in {}", growth.amount > 0 ? "+" : "-", format_bytes(std::abs(growth.amount)), time);
}

fs::path usage_file(const fs::path& home, const std::string& what, std::string_view ending) {
  constexpr std::size_t enough = 24;
  return home / "usage" / (sha256_hex(what).substr(0, enough) + std::string(ending));
}

UsageHistory::UsageHistory(const Files& files, const fs::path& home, const std::string& what)
    : m_files(files), m_file(usage_file(home, what, ".jsonl")), m_folder(m_file.parent_path()) {
  try {
    for (const std::string& line : split(read_file(m_file).value_or(""), '\n')) {
      if (const auto sample = sample_of(line)) m_samples.push_back(*sample);
    }
  } catch (const Error&) {
    m_samples.clear();
  }
  std::sort(m_samples.begin(), m_samples.end(),
            [](const UsageSample& left, const UsageSample& right) { return left.at < right.at; });
}

void UsageHistory::add(const UsageSample& sample) {
  // a clock that was put back: what is later than now was never
  std::erase_if(m_samples, [&](const UsageSample& one) { return one.at > sample.at; });
  if (!m_samples.empty() && sample.at - m_samples.back().at < between_samples) return;
  m_samples.push_back(sample);
  std::erase_if(m_samples, [&](const UsageSample& one) { return sample.at - one.at > kept_for; });
  std::string text;
  for (const UsageSample& one : m_samples) text += line_of(one);
  try {
    m_files.make_private_directory(m_folder);
    m_files.write_atomic(m_file, text);
    std::error_code none;
    const fs::file_time_type now = fs::last_write_time(m_file, none);
    for (const auto& entry : fs::directory_iterator(m_folder, none)) {
      std::error_code gone;
      if (now - entry.last_write_time(gone) > forgotten_after && !gone) m_files.remove_tree(entry.path());
    }
  } catch (const Error&) {
    // a home that cannot be written is no reason to show nothing
  }
}

}  // namespace raibid
