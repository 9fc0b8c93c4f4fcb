#pragma once

#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "components/redis/server/bulk_add.hpp"
#include "components/redis/server/queue_keys.hpp"
#include "components/redis/server/safe_trim.hpp"
#include "components/redis/server/stream_queue.hpp"
#include "support/machine.hpp"
#include "support/redis_server.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "sys/unique_fd.hpp"

/// What the tests of the queue's scripts share: a stream with a group on a real Redis, and uploads into it.
namespace raibid::test::queue {

inline const std::string stream = "jobs";
inline const std::string group = "workers";

inline std::int64_t now_ms() {
  return std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch()).count();
}

inline std::unique_ptr<RedisConnection> with_group(const RedisServer& server) {
  auto redis = server.connect();
  REQUIRE(!redis->command({"XGROUP", "CREATE", stream, group, "0", "MKSTREAM"}).is_error());
  return redis;
}

inline std::vector<std::string> add(RedisConnection& redis, int count) {
  std::vector<std::string> ids;
  for (int i = 0; i < count; ++i)
    ids.push_back(checked(redis, {"XADD", stream, "*", "job_id", std::to_string(i)}).text);
  return ids;
}

inline std::vector<std::string> read(RedisConnection& redis, const std::string& consumer, int count,
                                     const std::string& of = group) {
  RedisReply reply =
      checked(redis, {"XREADGROUP", "GROUP", of, consumer, "COUNT", std::to_string(count), "STREAMS", stream, ">"});
  std::vector<std::string> ids;
  if (reply.items.empty()) return ids;
  for (const StreamEntry& entry : entries_of(std::move(reply.items.at(0).items.at(1)))) ids.push_back(entry.id);
  return ids;
}

inline std::int64_t length(RedisConnection& redis, const std::string& key = stream) {
  return checked(redis, {"XLEN", key}).integer;
}

inline TrimResult trim_to(RedisConnection& redis, std::int64_t keep, bool dry_run = false) {
  TrimRequest request;
  request.keep = keep;
  request.dry_run = dry_run;
  return safe_trim(redis, stream, request, {});
}

inline StreamQueue queue_of(RedisConnection& redis) { return {redis, stream, group, now_ms()}; }

/// A file of JSON lines and its reader.
class Lines {
 public:
  explicit Lines(const std::string& content) : m_folder(fs::temp_directory_path()) {
    const fs::path path = m_folder.path() / "jobs.jsonl";
    write_atomic(path, content);
    m_fd = UniqueFd(::open(path.c_str(), O_RDONLY));
    reader.emplace(m_fd.get(), path.string());
  }

 private:
  TemporaryDirectory m_folder;
  UniqueFd m_fd;

 public:
  std::optional<LineReader> reader;
};

inline UploadPlan plan_of(UploadRecord after = {}) {
  UploadPlan plan;
  plan.stream = stream;
  plan.record = upload_key(stream, "test");
  plan.token = "token";
  plan.resumes = after.line > 0;
  plan.after = std::move(after);
  return plan;
}

inline UploadRecord at_line(std::int64_t line) {
  UploadRecord record;
  record.line = line;
  return record;
}

inline UploadResult upload(RedisConnection& redis, const std::string& content, UploadPlan plan = plan_of()) {
  Lines lines(content);
  Upload upload(std::move(plan), *lines.reader, shared_signals(), {});
  upload.run(redis);
  return upload.result();
}

inline std::string numbered_lines(int count, std::size_t padding = 0) {
  std::string text;
  for (int i = 1; i <= count; ++i)
    text += fmt::format("{{\"job_id\":\"{}\",\"pad\":\"{}\"}}\n", i, std::string(padding, 'x'));
  return text;
}

/// The job_id of each entry, in order.
inline std::vector<std::string> job_ids(RedisConnection& redis, const std::string& key = stream) {
  std::vector<std::string> ids;
  EntryPages pages(redis, key, "-", "+");
  for (std::vector<StreamEntry> page = pages.next(); !page.empty(); page = pages.next()) {
    for (const StreamEntry& entry : page) ids.push_back(*entry.field("job_id"));
  }
  return ids;
}

inline std::vector<std::string> one_to(int count) {
  std::vector<std::string> ids;
  for (int i = 1; i <= count; ++i) ids.push_back(std::to_string(i));
  return ids;
}

}  // namespace raibid::test::queue
