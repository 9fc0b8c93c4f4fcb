#include "components/redis/smoke/operation.hpp"

#include "base/error.hpp"

namespace raibid {

SmokeBench::SmokeBench(std::function<std::unique_ptr<RedisConnection>()> connect, const Preset& preset, std::string prefix)
    : m_connect(std::move(connect)), m_preset(preset), m_prefix(std::move(prefix)), m_redis(m_connect()) {}

void SmokeBench::clean() {
  std::string cursor = "0";
  do {
    const RedisReply page = checked(redis(), {"SCAN", cursor, "MATCH", m_prefix + "*", "COUNT", "1000"});
    expect(page.items.size() == 2, "SCAN answered something else than a cursor and keys");
    cursor = page.items[0].text;
    std::vector<std::string> unlink = {"UNLINK"};
    for (const RedisReply& found : page.items[1].items) unlink.push_back(found.text);
    if (unlink.size() > 1) checked(redis(), unlink);
  } while (cursor != "0");
}

const std::vector<SmokeTest>& smoke_tests() {
  static const std::vector<SmokeTest> table = {
      {"stream-queue", "jobs by XADD, XREADGROUP and XACK among competing consumers: none lost, none done twice", smoke_stream_queue},
      {"dead-consumer", "a dead consumer's jobs are claimed and finished by another", smoke_dead_consumer},
      {"stream-limit", "the stream's limit is kept by its producers' XADD", smoke_stream_limit},
  };
  return table;
}

void expect(bool holds, const std::string& what) {
  if (!holds) throw Error(ExitCode::failure, what);
}

}  // namespace raibid
