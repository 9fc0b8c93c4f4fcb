#include "components/redis/server/stream_entry.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/strings.hpp"
#include "components/redis/server/script.hpp"

namespace raibid {

namespace {

constexpr std::size_t page_bytes = 4u << 20;
constexpr std::size_t most_entries = 4000;
constexpr std::size_t growth = 8;

bool parse_number(std::string_view text, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

std::size_t size_of(const std::vector<StreamEntry>& entries) {
  std::size_t size = 0;
  for (const StreamEntry& entry : entries) {
    for (const auto& [name, value] : entry.fields) size += name.size() + value.size();
  }
  return size;
}

}  // namespace

std::string StreamId::text() const { return fmt::format("{}-{}", ms, seq); }

std::optional<StreamId> parse_stream_id(std::string_view text) {
  StreamId id;
  const std::size_t dash = text.find('-');
  if (!parse_number(text.substr(0, dash), id.ms)) return std::nullopt;
  if (dash != std::string_view::npos && !parse_number(text.substr(dash + 1), id.seq)) return std::nullopt;
  return id;
}

const std::string* StreamEntry::field(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const auto& field) { return field.first == name; });
  return found == fields.end() ? nullptr : &found->second;
}

std::vector<StreamEntry> entries_of(RedisReply&& reply) {
  std::vector<StreamEntry> entries;
  entries.reserve(reply.items.size());
  for (RedisReply& item : reply.items) {
    if (item.items.size() != 2) continue;
    StreamEntry entry{std::move(item.items[0].text), {}};
    std::vector<RedisReply>& words = item.items[1].items;
    entry.fields.reserve(words.size() / 2);
    for (std::size_t i = 0; i + 1 < words.size(); i += 2)
      entry.fields.emplace_back(std::move(words[i].text), std::move(words[i + 1].text));
    entries.push_back(std::move(entry));
  }
  return entries;
}

EntryPages::EntryPages(RedisConnection& redis, std::string key, std::string from, std::string to, bool newest)
    : m_redis(&redis), m_key(std::move(key)), m_from(std::move(from)), m_to(std::move(to)), m_newest(newest) {}

std::vector<StreamEntry> EntryPages::next() {
  if (m_ended) return {};
  std::vector<std::string> command = {"XRANGE", m_key, m_from, m_to, "COUNT", std::to_string(m_count)};
  if (m_newest) command = {"XREVRANGE", m_key, m_to, m_from, "COUNT", std::to_string(m_count)};
  RedisReply reply = m_redis->command(command);
  expect_no_error(reply, "reading " + printable(m_key));
  std::vector<StreamEntry> entries = entries_of(std::move(reply));
  m_ended = entries.size() < m_count;
  if (entries.empty()) return entries;
  (m_newest ? m_to : m_from) = "(" + entries.back().id;
  const std::size_t each = std::max<std::size_t>(1, size_of(entries) / entries.size());
  m_count = std::clamp<std::size_t>(page_bytes / each, 1, std::min(m_count * growth, most_entries));
  return entries;
}

}  // namespace raibid
