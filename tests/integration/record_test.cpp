#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "support/cli.hpp"
#include "sys/files.hpp"

/// What was set up decides: the record of a Redis of this machine, with a real redis-server.

namespace raibid::record_test {

using namespace raibid::test;
using nlohmann::json;
using Words = std::vector<std::string>;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A local Redis that ends with its test.
class RecordCli : public Cli {
 public:
  explicit RecordCli(std::string release = "raibid-redis") : m_release(std::move(release)) {}
  ~RecordCli() { local({"teardown", "redis", "--yes", "--delete-data"}); }

  Output local(Words words) {
    words.insert(words.end(), {"--target", "local", "--release", m_release});
    return (*this)(words);
  }
  Output setup(Words more = {}) {
    more.insert(more.begin(), {"setup", "redis"});
    return local(std::move(more));
  }
  json status() { return json::parse(local({"status", "redis", "-o", "json"}).out); }

 private:
  std::string m_release;
};

}  // namespace

TEST_CASE("record, local: a plain setup keeps stream, group and limits; export, queue and smoke use them") {
  RecordCli cli;
  REQUIRE(cli.setup({"--stream", "other:jobs", "--group", "g2", "--memory-limit", "1Gi"}).status == 0);
  const json before = cli.status();
  const Output again = cli.setup();
  INFO(said(again));
  REQUIRE(again.status == 0);
  CHECK(has(again.out, "Nothing changed"));
  CHECK(has(again.err, "kept from an earlier setup: --memory-limit 1Gi, --stream other:jobs, --group g2"));
  const json after = cli.status();
  CHECK(after.at("pid") == before.at("pid"));
  CHECK(after.at("redis").at("maxmemory_bytes") == before.at("redis").at("maxmemory_bytes"));

  const Output env = cli.local({"export", "env"});
  INFO(said(env));
  CHECK(has(env.out, "REDIS_STREAM=other:jobs"));
  CHECK(has(env.out, "REDIS_CONSUMER_GROUP=g2"));
  CHECK(has(cli.local({"export", "keda"}).out, "stream: \"other:jobs\""));
  CHECK(has(cli.local({"export", "values"}).out, "other:jobs"));

  REQUIRE(cli.local({"queue", "add", R"({"job_id":"1","job_type":"t","payload":"p"})"}).status == 0);
  const Output stats = cli.local({"queue", "stats", "-o", "json"});
  INFO(said(stats));
  CHECK(has(stats.out, "other:jobs"));
  CHECK(has(stats.out, "g2"));
  CHECK_FALSE(has(stats.out, "raibid:jobs"));
  const Output smoke = cli.local({"smoke", "redis"});
  INFO(said(smoke));
  CHECK(smoke.status == 0);
  // a stream that is named is another one
  const Output third = cli.local({"queue", "stats", "-o", "json", "--stream", "third:jobs"});
  INFO(said(third));
  CHECK_FALSE(has(third.out + third.err, "other:jobs"));
}

TEST_CASE("record, local: what Redis holds has to fit into less memory") {
  RecordCli cli;
  REQUIRE(cli.setup().status == 0);
  const std::string fill = "for i = 1, 60 do redis.call('SET', 'key:' .. i, string.rep('x', 1000000)) end";
  const Output filled = cli({"connect", "redis", "--target", "local", "--", "redis-cli", "EVAL", fill, "0"});
  INFO(said(filled));
  REQUIRE(filled.status == 0);
  const Output refused = cli.setup({"--memory-limit", "64Mi", "--memory-request", "32Mi"});
  INFO(said(refused));
  CHECK(refused.status == 3);
  CHECK(has(refused.err, "it would refuse every write"));
  CHECK(cli.status().at("redis").at("maxmemory_bytes") == 307 * 1024 * 1024);
  CHECK(cli.setup().status == 0);  // nothing of it was recorded
  CHECK(cli.setup({"--memory-limit", "256Mi"}).status == 0);
}

TEST_CASE("record, local: another preset is refused by teardown and status --watch as well") {
  RecordCli cli;
  REQUIRE(cli.setup().status == 0);
  for (const Words& words : {Words{"teardown", "redis", "--yes"}, Words{"status", "redis", "--watch"}}) {
    Words more = words;
    more.insert(more.end(), {"--preset", "mirai"});
    const Output refused = cli.local(more);
    INFO(said(refused));
    CHECK(refused.status == 2);
    CHECK(has(refused.err, "set up with preset \"raibid\""));
  }
  CHECK(cli.status().at("healthy"));
}

TEST_CASE("record, local: --reset goes back to the preset") {
  RecordCli cli;
  REQUIRE(cli.setup({"--stream", "other:jobs", "--memory-limit", "1Gi"}).status == 0);
  const Output reset = cli.setup({"--reset"});
  INFO(said(reset));
  REQUIRE(reset.status == 0);
  CHECK(cli.status().at("redis").at("maxmemory_bytes") == 307 << 20);
  CHECK(has(cli.local({"export", "env"}).out, "raibid:jobs"));
  CHECK(has(cli.setup().out, "Nothing changed"));
}

TEST_CASE("record, local: the preset is found by the release alone, and another one is refused") {
  RecordCli cli("mirai-redis");
  REQUIRE(cli.setup({"--preset", "mirai"}).status == 0);
  const Output env = cli.local({"export", "env"});
  INFO(said(env));
  CHECK(has(env.out, "ENABLE_REDIS_CACHE"));
  CHECK_FALSE(has(env.out, "REDIS_STREAM"));
  CHECK(cli.local({"smoke", "redis"}).status == 0);
  const json before = cli.status();
  CHECK(before.at("preset") == "mirai");
  CHECK(before.at("namespace") == "redis");

  const Output again = cli.setup();
  INFO(said(again));
  CHECK(has(again.out, "Nothing changed"));
  CHECK(cli.status().at("pid") == before.at("pid"));
  CHECK(cli.status().at("preset") == "mirai");

  for (const Words& words :
       {Words{"export", "env"}, Words{"smoke", "redis"}, Words{"url", "redis"}, Words{"status", "redis"},
        Words{"queue", "stats"}, Words{"connect", "redis", "--", "true"}}) {
    Words other = words;
    other.insert(other.begin(), {"--preset", "raibid"});
    if (words.back() == "true") other = {"connect", "redis", "--preset", "raibid"};
    const Output refused = cli.local(other);
    CAPTURE(words[0]);
    INFO(said(refused));
    CHECK(refused.status == 2);
    CHECK(has(refused.err, "\"raibid\""));
    CHECK(has(refused.err, "\"mirai\""));
  }
}

TEST_CASE("record, local: a restart is refused in a pipe, and the hint does it word for word") {
  RecordCli cli;
  REQUIRE(cli.setup().status == 0);
  const json before = cli.status();
  const auto files = tree(cli.home());
  const Output refused = cli.setup({"--no-auth"});
  INFO(said(refused));
  CHECK(refused.status == 2);
  CHECK(has(refused.err, "this change restarts Redis: password on → off"));
  CHECK(cli.status().at("pid") == before.at("pid"));
  for (const char* const file : {"local/raibid-redis/redis.conf", "local/raibid-redis/state.json",
                                 "local/raibid-redis/users.acl", "redis-credentials.json"}) {
    CHECK(tree(cli.home()).at(file) == files.at(file));
  }
  const std::size_t at = refused.err.find("raibid-cli setup");
  REQUIRE(at != std::string::npos);
  const std::string hint = refused.err.substr(at + std::string("raibid-cli").size());
  const Output done = cli.shell("\"$RAIBID_CLI\"" + hint.substr(0, hint.find('\n')));
  INFO(said(done));
  CHECK(done.status == 0);
  CHECK(cli.status().at("pid") != before.at("pid"));
  CHECK(has(cli.setup().out, "Nothing changed"));
}

}  // namespace raibid::record_test
