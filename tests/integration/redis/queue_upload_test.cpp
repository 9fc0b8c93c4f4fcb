// Uploads into a queue on a real Redis: no order of events loses a line or adds one twice.
#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "support/cli.hpp"
#include "support/queue_cli.hpp"
#include "support/queue_scripts.hpp"
#include "support/tcp_server.hpp"
#include "tools/redis_connection.hpp"

namespace raibid::queue_upload_test {

using namespace raibid::test;
using namespace raibid::test::queue;
using namespace std::chrono_literals;

TEST_CASE("queue add: takes the stream names that setup takes, and no others") {
  QueueCli cli;
  const std::string lines = cli.write("jobs.jsonl", job_lines(1));
  for (const std::string& name : std::vector<std::string>{"two words", "tab\t", "", std::string(256, 'x')}) {
    CAPTURE(name);
    const Output by_setup = cli({"setup", "redis", "--target", "local", "--stream", name});
    const Output one = cli.queue("add", {"--stream", name, "--field", "job_id=1"});
    const Output many = cli.queue("add", {"--stream", name, lines});
    const Output imported = cli.queue("import", {"--stream", name, lines});
    INFO(said(one));
    CHECK(by_setup.status == 2);
    CHECK(one.status == 2);
    CHECK(many.status == 2);
    CHECK(imported.status == 2);
  }
  CHECK(cli.queue("add", {"--stream", "copy", R"({"any":"field"})"}).status == 0);
}

TEST_CASE("upload: every line once, in order") {
  const RedisServer server;
  const auto redis = with_group(server);
  const UploadResult result = upload(*redis, numbered_lines(5000) + "\n  \n");
  CHECK(result.added == 5000);
  CHECK(result.line == 5000);
  CHECK(result.length == 5000);
  CHECK(job_ids(*redis) == one_to(5000));
  CHECK(read_upload(*redis, upload_key(stream, "test"))->ended);
}

TEST_CASE("upload: large payloads and a last line without an end") {
  const RedisServer server;
  const auto redis = with_group(server);
  std::string text = numbered_lines(40, 1 << 20);
  text.pop_back();
  CHECK(upload(*redis, text).added == 40);
  CHECK(job_ids(*redis) == one_to(40));
}

TEST_CASE("upload: a line that is not a job ends it, what stands before it is there, and the rest can follow") {
  const RedisServer server;
  const auto redis = with_group(server);
  std::string text = numbered_lines(1000);
  Lines lines(text + "{broken\n" + text);
  Upload broken(plan_of(), *lines.reader, shared_signals(), {});
  const Error error = error_of([&] { broken.run(*redis); });
  CHECK(has(error.message(), "line 1001"));
  CHECK(broken.result().added == 1000);
  CHECK(job_ids(*redis) == one_to(1000));
  const UploadRecord record = *read_upload(*redis, upload_key(stream, "test"));
  CHECK(record.line == 1000);
  CHECK(!record.ended);
  const UploadResult rest = upload(*redis, numbered_lines(1500), plan_of(record));
  CHECK(rest.added == 500);
  CHECK(rest.skipped == 1000);
  CHECK(job_ids(*redis) == one_to(1500));
}

TEST_CASE("upload: lines that are no job can be left out, and are counted") {
  const RedisServer server;
  const auto redis = with_group(server);
  UploadPlan plan = plan_of();
  plan.skip_invalid = true;
  plan.forms = {"job_id"};
  const UploadResult result = upload(*redis, "{\"job_id\":1}\nx\n{\"other\":1}\n{\"job_id\":2}\n", std::move(plan));
  CHECK(result.added == 2);
  CHECK(result.refused == 2);
  CHECK(has(result.first_refusal, "line 2"));
  CHECK(job_ids(*redis) == one_to(2));
}

TEST_CASE("upload: an input that does not begin with what was added is refused, and nothing is added") {
  const RedisServer server;
  const auto redis = with_group(server);
  upload(*redis, numbered_lines(300));
  const UploadRecord record = *read_upload(*redis, upload_key(stream, "test"));
  CHECK(has(error_of([&] { upload(*redis, "{\"job_id\":\"x\"}\n" + numbered_lines(300), plan_of(record)); }).message(),
            "not what an earlier run added"));
  CHECK(has(error_of([&] { upload(*redis, numbered_lines(299), plan_of(record)); }).message(),
            "not what an earlier run added"));
  CHECK(job_ids(*redis) == one_to(300));
}

TEST_CASE("upload: a run that another one takes over from adds nothing more, and each line is added once") {
  const RedisServer server;
  const auto redis = with_group(server);
  const std::string text = numbered_lines(20'000);
  Lines lines(text);
  const auto other = server.connect();
  bool taken = false;
  UploadPlan plan = plan_of();
  plan.token = "first";
  Upload first(plan, *lines.reader, shared_signals(), [&](const UploadResult& result) {
    if (std::exchange(taken, true)) return;
    CHECK(upload(*other, text, plan_of(at_line(result.line))).line == 20'000);
  });
  CHECK(error_of([&] { first.run(*redis); }).code() == ExitCode::failure);
  CHECK(taken);
  CHECK(job_ids(*other) == one_to(20'000));
}

TEST_CASE("upload: two runs that begin at the same moment take turns, and each line is added once") {
  const RedisServer server;
  const std::string text = numbered_lines(20'000);
  const auto redis = with_group(server);
  for (int round = 0; round < 10; ++round) {
    checked(*redis, {"DEL", stream, upload_key(stream, "test")});
    checked(*redis, {"XGROUP", "CREATE", stream, group, "0", "MKSTREAM"});
    const auto run = [&](const std::string& token) {
      try {
        UploadPlan plan = plan_of();
        plan.resumes = true;
        plan.token = token;
        const auto own = server.connect();
        upload(*own, text, plan);
      } catch (const Error&) {
        // whoever was overtaken
      }
    };
    std::vector<pid_t> children;
    for (const char* token : {"one", "two", "three"}) {
      const pid_t child = ::fork();
      if (child == 0) {
        run(token);
        ::_exit(0);
      }
      children.push_back(child);
    }
    for (const pid_t child : children) ::waitpid(child, nullptr, 0);
    UploadPlan rest = plan_of();
    rest.resumes = true;
    upload(*redis, text, rest);
    std::vector<std::string> ids = job_ids(*redis);
    CHECK(ids == one_to(20'000));
  }
}

TEST_CASE("upload: a user that may not end connections adds by script, and does not take over from a transaction") {
  const RedisServer server;
  const auto redis = with_group(server);
  checked(*redis, {"ACL", "SETUSER", "app", "on", ">app", "~*", "&*", "+@all", "-client|kill"});
  const auto app = server.connect();
  checked(*app, {"AUTH", "app", "app"});
  CHECK(upload(*app, numbered_lines(700)).added == 700);
  CHECK(!read_upload(*redis, upload_key(stream, "test"))->transactions);
  checked(*redis, {"HSET", upload_key(stream, "test"), "ended", "0", "line", "600", "transactions", "1", "digest", ""});
  CHECK(has(error_of([&] { upload(*app, numbered_lines(700), plan_of(at_line(600))); }).message(),
            "may still be adding"));
  CHECK(length(*redis) == 700);
  CHECK(upload(*redis, numbered_lines(700), plan_of(at_line(600))).added == 100);
}

TEST_CASE("upload: a script whose run was taken over from adds nothing more") {
  const RedisServer server;
  const auto redis = with_group(server);
  checked(*redis, {"ACL", "SETUSER", "app", "on", ">app", "~*", "&*", "+@all", "-client"});
  const auto app = server.connect();
  checked(*app, {"AUTH", "app", "app"});
  Lines lines(numbered_lines(10'000));
  bool taken = false;
  Upload first(plan_of(), *lines.reader, shared_signals(), [&](const UploadResult&) {
    if (!taken) checked(*redis, {"HSET", upload_key(stream, "test"), "token", "another"});
    taken = true;
  });
  CHECK(has(error_of([&] { first.run(*app); }).message(), "another run"));
  const UploadRecord record = *read_upload(*redis, upload_key(stream, "test"));
  CHECK(record.line == length(*redis));
  CHECK(length(*redis) < 10'000);
  CHECK(upload(*redis, numbered_lines(10'000), plan_of(record)).line == 10'000);
  CHECK(job_ids(*redis) == one_to(10'000));
}

TEST_CASE("upload: a transaction that Redis refuses between others is made up for, and nothing is doubled") {
  const RedisServer server;
  const auto redis = with_group(server);
  const auto other = server.connect();
  const std::string text = numbered_lines(20'000, 100);
  Lines lines(text);
  int seen = 0;
  Upload first(plan_of(), *lines.reader, shared_signals(), [&](const UploadResult&) {
    // refused for a moment, as a full Redis does whose workers then make room
    if (++seen == 2) checked(*other, {"CONFIG", "SET", "maxmemory", "1"});
    if (seen == 2) checked(*other, {"CONFIG", "SET", "maxmemory", "0"});
  });
  try {
    first.run(*redis);
  } catch (const Error& error) {
    CHECK(has(error.message(), "OOM"));
  }
  const UploadRecord record = *read_upload(*redis, upload_key(stream, "test"));
  std::int64_t beyond = 0;
  for (const UploadRecord::Lines& part : record.beyond) beyond += part.last - part.first + 1;
  CHECK(record.line + beyond == length(*redis));
  CHECK(first.result().added == length(*redis));
  upload(*redis, text, plan_of(record));
  std::vector<std::string> ids = job_ids(*redis);
  std::sort(ids.begin(), ids.end(), [](const auto& a, const auto& b) { return std::stoi(a) < std::stoi(b); });
  CHECK(ids == one_to(20'000));
}

TEST_CASE("upload: a full Redis ends it without a hole, and it goes on when there is room again") {
  const RedisServer server;
  const auto redis = with_group(server);
  const std::string text = numbered_lines(4000, 1000);
  checked(*redis, {"CONFIG", "SET", "maxmemory", "3mb"});
  const Error error = error_of([&] { upload(*redis, text); });
  CHECK(has(error.message(), "OOM"));
  CHECK(has(error.hint(), "maxmemory"));
  const UploadRecord record = *read_upload(*redis, upload_key(stream, "test"));
  CHECK(record.line > 0);
  CHECK(record.line == length(*redis));
  checked(*redis, {"CONFIG", "SET", "maxmemory", "0"});
  upload(*redis, text, plan_of(record));
  CHECK(job_ids(*redis) == one_to(4000));
}

TEST_CASE("upload: keeps the limit by what is done, and never by what is not") {
  const RedisServer server;
  const auto redis = with_group(server);
  UploadPlan plan = plan_of();
  plan.limit = 500;
  CHECK(upload(*redis, numbered_lines(1000), plan).length == 1000);
  for (const std::string& id : read(*redis, "a", 1000)) checked(*redis, {"XACK", stream, group, id});
  const UploadResult result = upload(*redis, numbered_lines(100), plan);
  CHECK(result.length == 500);
  CHECK(result.trimmed == 600);
  CHECK(read(*redis, "a", 1000).size() == 100);
}

namespace {

/// A proxy that cuts the connection behind `bytes` of what the client sends, or of what the server answers.
struct Cut {
  std::size_t bytes;
  bool of_answers;
};

UploadResult upload_through_cut(const RedisServer& server, const std::string& text, const Cut& cut) {
  TcpServer proxy([&](TcpServer::Connection& client) {
    client.relay(server.port(), cut.of_answers ? SIZE_MAX : cut.bytes, cut.of_answers ? cut.bytes : SIZE_MAX);
  });
  HiredisConnector connector(test::real_runner());
  const auto redis = connector.connect({"127.0.0.1", proxy.port()}, 5s);
  Lines lines(text);
  Upload upload(plan_of(), *lines.reader, shared_signals(), {});
  try {
    upload.run(*redis);
  } catch (const Error&) {
    // what it says is of no interest here: the record is
  }
  return upload.result();
}

}  // namespace

TEST_CASE("upload: wherever the connection is cut, the record is what is there, and the rest follows once") {
  const RedisServer server;
  const std::string text = numbered_lines(1000, 20);
  std::mt19937 random(20);
  for (int round = 0; round < 60; ++round) {
    const auto redis = server.connect();
    checked(*redis, {"FLUSHALL"});
    checked(*redis, {"XGROUP", "CREATE", stream, group, "0", "MKSTREAM"});
    const bool of_answers = round % 2 == 1;
    const Cut cut{std::uniform_int_distribution<std::size_t>(1, of_answers ? 400 : 90'000)(random), of_answers};
    CAPTURE(cut.bytes);
    CAPTURE(cut.of_answers);
    const UploadResult result = upload_through_cut(server, text, cut);
    const std::optional<UploadRecord> record = read_upload(*redis, upload_key(stream, "test"));
    const std::int64_t line = record ? record->line : 0;
    CHECK(line == length(*redis));
    CHECK(result.line <= line);
    CHECK(upload(*redis, text, plan_of(record.value_or(UploadRecord{}))).line == 1000);
    CHECK(job_ids(*redis) == one_to(1000));
  }
}

}  // namespace raibid::queue_upload_test
