// `queue …` on the queues of Asynq: on a Redis that was set up for mirai, beside the library itself, and by hand.
#include <doctest/doctest.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/smoke/asynq.hpp"
#include "components/redis/commands/smoke/operation.hpp"
#include "components/redis/server/asynq_message.hpp"
#include "components/redis/server/asynq_queue.hpp"
#include "support/cli.hpp"
#include "support/pty.hpp"
#include "support/queue_cli.hpp"
#include "support/readers.hpp"
#include "support/redis_server.hpp"
#include "support/thrown.hpp"
#include "tools/redis_connection.hpp"

namespace raibid::asynq_queue_test {

using namespace raibid::test;
using nlohmann::json;

namespace {

/// The built program with mirai's Redis on this machine.
class MiraiCli : public Cli {
 public:
  MiraiCli() {
    set("RAIBID_PRESET", "mirai");
    set("RAIBID_TARGET", "local");
    REQUIRE((*this)({"setup", "redis"}).status == 0);
  }
  ~MiraiCli() { (*this)({"teardown", "redis", "--yes", "--delete-data"}); }

  Output queue(std::vector<std::string> words) {
    words.insert(words.begin(), "queue");
    return (*this)(words);
  }
  json object(std::vector<std::string> words, int status = 0) {
    words.insert(words.end(), {"-o", "json"});
    const Output output = queue(std::move(words));
    INFO(said(output));
    REQUIRE(output.status == status);
    return json::parse(output.out);
  }
  /// The state of a task, as `queue show` has it.
  std::string state(const std::string& id) {
    return object({"show", id, "--queue", "default"}).at("jobs").at(0).at("state");
  }
  int port() {
    for (const auto& [name, content] : tree(home())) {
      if (name.starts_with("redis-credentials.mirai")) return json::parse(content).at("port");
    }
    FAIL("no credentials file");
    return 0;
  }
  std::string address() { return fmt::format("127.0.0.1:{}", port()); }
  std::unique_ptr<RedisConnection> redis() {
    HiredisConnector connector(test::real_runner());
    return connect_redis(connector, {"127.0.0.1", port(), "", Secret()}, std::chrono::seconds(10));
  }
};

std::int64_t now_seconds(RedisConnection& redis) { return std::stoll(checked(redis, {"TIME"}).items.at(0).text); }

AsynqTask task_named(const std::string& id, const std::string& queue = "default") {
  AsynqTask task;
  task.type = "test";
  task.payload = "{}";
  task.id = id;
  task.queue = queue;
  return task;
}

void enqueue(RedisConnection& redis, const std::string& name, int count) {
  const AsynqQueue queue(name);
  queue.announce(redis);
  for (int i = 0; i < count; ++i)
    REQUIRE(queue.enqueue(redis, task_named(fmt::format("task-{}", i), name), now_seconds(redis) * 1'000'000'000));
}

/// The IDs that the Inspector lists under `state`.
std::set<std::string> ids_in(const json& seen, const char* state) {
  std::set<std::string> ids;
  for (const json& task : seen.at(state)) ids.insert(task.at("ID").get<std::string>());
  return ids;
}

std::vector<std::string> scanned(JobQueue& queue, std::optional<JobState> state = {}) {
  JobFilter filter;
  filter.state = state;
  std::vector<std::string> ids;
  queue.scan(filter, [&](const JobView& view) {
    ids.push_back(view.job.id);
    return true;
  });
  return ids;
}

AsynqJobQueue job_queue(RedisConnection& redis) { return {redis, "default", now_seconds(redis) * 1000}; }

}  // namespace

TEST_CASE("queue and Asynq: what the library enqueued, scheduled, retried, archived and completed is seen as it is") {
  if (readers().empty()) return;
  MiraiCli cli;
  const json ids = read_by({"asynq-fill", cli.address(), "default"});
  const json seen = read_by({"asynq-inspect", cli.address(), "default"});
  const json facts = cli.object({"stats"}).at("queues").at(0);
  CHECK(facts.at("queue") == "default");
  for (const auto& [ours, theirs] : std::vector<std::pair<const char*, const char*>>{{"size", "Size"},
                                                                                     {"pending", "Pending"},
                                                                                     {"active", "Active"},
                                                                                     {"scheduled", "Scheduled"},
                                                                                     {"retry", "Retry"},
                                                                                     {"archived", "Archived"},
                                                                                     {"completed", "Completed"},
                                                                                     {"aggregating", "Aggregating"},
                                                                                     {"processed_today", "Processed"},
                                                                                     {"failed_today", "Failed"},
                                                                                     {"processed", "ProcessedTotal"},
                                                                                     {"failed", "FailedTotal"}}) {
    CAPTURE(ours);
    CHECK(facts.at(ours) == seen.at("info").at(theirs));
  }
  CHECK(facts.at("pending") == 3);
  CHECK(facts.at("failed") == 2);
  CHECK(facts.at("oldest_pending_seconds").is_number());

  for (const char* const state : {"pending", "scheduled", "retry", "archived", "completed", "aggregating"}) {
    CAPTURE(state);
    const json listed = cli.object({"ls", "--state", state}).at("jobs");
    CHECK(listed.size() == (std::string(state) == "pending" ? 3 : 1));
    const json task = cli.object({"show", ids.at(state).get<std::string>()}).at("jobs").at(0);
    CHECK(task.at("state") == state);
    CHECK(task.at("fields").at("header.tenant") == "one");
    CHECK(std::any_of(listed.begin(), listed.end(), [&](const json& one) { return one.at("id") == task.at("id"); }));
  }
  CHECK(cli.object({"ls"}).at("jobs").size() == 8);
  const auto show = [&](const char* name) {
    return cli.object({"show", ids.at(name).get<std::string>()}).at("jobs").at(0);
  };
  CHECK(show("pending").at("fields").at("payload") == R"({"n":7})");
  CHECK(show("pending").at("timeout_seconds") == 60);
  CHECK(show("binary").at("fields").at("payload").at("base64") == base64_encode(std::string("\0\xff\n", 3)));
  CHECK(show("retry").at("last_error") == "no disk left");
  CHECK(show("retry").at("retried") == 1);
  CHECK(show("retry").at("max_retry") == 3);
  CHECK(show("retry").at("due_at").get<std::string>().substr(0, 19) ==
        seen.at("retry").at(0).at("NextProcessAt").get<std::string>().substr(0, 19));
  CHECK(show("completed").at("result") == "fine");
  CHECK(show("completed").at("retention_seconds") == 3600);
  CHECK(show("unique").at("unique_key").get<std::string>().starts_with("asynq:{default}:unique:once:"));
  CHECK(show("aggregating").at("group") == "books");

  CHECK(cli.object({"ls", "--field", "type=fails"}).at("jobs").size() == 2);
  CHECK(cli.object({"grep", "disk"}).at("jobs").size() == 2);
  CHECK(cli.queue({"grep", "nowhere"}).status == 1);
  const Output text = cli.queue({"show", ids.at("retry").get<std::string>()});
  INFO(said(text));
  CHECK(has(text.out, "due in"));
  CHECK(has(text.out, R"({"n":2})"));
  CHECK(has(cli.queue({"dead", "ls"}).out, "no disk left"));
  CHECK(cli.object({"dead", "ls"}).at("jobs").at(0).at("id") == ids.at("archived"));
}

TEST_CASE("queue and Asynq: what we retry, requeue, remove and pause is what the Inspector reports, and is processed") {
  if (readers().empty()) return;
  MiraiCli cli;
  const json made = read_by({"asynq-fill", cli.address(), "default"});
  const auto id = [&](const char* name) { return made.at(name).get<std::string>(); };
  const auto inspect = [&] { return read_by({"asynq-inspect", cli.address(), "default"}); };

  CHECK(cli.queue({"retry", id("retry")}).status == 2);  // asks
  CHECK(cli.object({"retry", id("retry"), "--dry-run"}).at("done") == 0);
  CHECK(inspect().at("info").at("Retry") == 1);
  CHECK(cli.object({"retry", "--all", "--yes"}).at("done") == 1);
  CHECK(cli.object({"retry", id("scheduled"), id("aggregating"), "--yes"}).at("done") == 2);
  CHECK(cli.object({"dead", "requeue", id("completed"), "--yes"}, 1).at("jobs").at(0).at("result") ==
        "not archived but completed");
  CHECK(cli.object({"retry", id("completed"), "nobody", "--yes"}, 1).at("done") == 0);
  CHECK(cli.object({"retry", id("pending"), "--yes"}, 1).at("jobs").at(0).at("result") == "already pending");
  json seen = inspect();
  CHECK(ids_in(seen, "pending") == std::set<std::string>{id("pending"), id("unique"), id("binary"), id("retry"),
                                                         id("scheduled"), id("aggregating")});
  for (const char* const state : {"Retry", "Scheduled", "Aggregating"}) CHECK(seen.at("info").at(state) == 0);
  CHECK(seen.at("info").at("Groups") == 0);

  // the other way round: the Inspector archives one, and runs it again
  read_by({"asynq-act", cli.address(), "default", "archive", id("retry")});
  CHECK(cli.state(id("retry")) == "archived");
  read_by({"asynq-act", cli.address(), "default", "run", id("retry")});
  CHECK(cli.state(id("retry")) == "pending");
  CHECK(cli.object({"dead", "drop", id("retry"), "--yes"}, 1).at("jobs").at(0).at("result") ==
        "not archived but pending");
  CHECK(cli.object({"dead", "requeue", "--all", "--yes"}).at("done") == 1);

  // removed: its lock of uniqueness too, so that the library may enqueue the same again
  const auto redis = cli.redis();
  const auto locks = [&] { return checked(*redis, {"KEYS", "asynq:{default}:unique:*"}).items.size(); };
  CHECK(locks() == 1);
  CHECK(cli.object({"rm", id("unique"), id("completed"), "--yes"}).at("done") == 2);
  CHECK(locks() == 0);
  CHECK(checked(*redis, {"EXISTS", "asynq:{default}:t:" + id("unique")}).integer == 0);
  read_by({"asynq-act", cli.address(), "default", "archive", id("binary")});
  CHECK(cli.object({"dead", "drop", "--all", "--yes"}).at("done") == 1);
  seen = inspect();
  CHECK(seen.at("info").at("Size") == 5);
  CHECK(seen.at("info").at("Pending") == 5);

  CHECK(cli.queue({"pause"}).status == 0);
  CHECK(inspect().at("info").at("Paused") == true);
  const AsynqQueue queue("default");
  CHECK(checked(*redis, queue.dequeue_command(now_seconds(*redis) + 30)).is_nil());
  read_by({"asynq-act", cli.address(), "default", "unpause"});
  CHECK(cli.object({"stats"}).at("queues").at(0).at("paused").is_null());
  read_by({"asynq-act", cli.address(), "default", "pause"});
  const json paused = cli.object({"stats"}).at("queues").at(0).at("paused");
  CHECK(paused.is_string());
  const Output again = cli.queue({"pause", "for", "lunch"});
  CHECK(again.status == 0);
  CHECK(has(again.err, "Asynq stores only when a pause began"));
  CHECK(cli.object({"stats"}).at("queues").at(0).at("paused") == paused);
  CHECK(cli.object({"resume"}).at("was_paused") == true);
  CHECK(cli.object({"resume"}).at("was_paused") == false);
  CHECK(inspect().at("info").at("Paused") == false);

  // and a server does all of them, each once
  const json done = read_by({"asynq-process", cli.address(), "default=1", "5"});
  std::set<std::string> ids;
  for (const json& task : done) ids.insert(task.at("ID").get<std::string>());
  CHECK(ids == std::set<std::string>{id("pending"), id("retry"), id("scheduled"), id("aggregating"), id("archived")});
  CHECK(done.size() == 5);
  CHECK(inspect().at("info").at("Size") == 0);
}

TEST_CASE("queue and Asynq: what we add is what the library's client enqueues, and its server does it") {
  if (readers().empty()) return;
  MiraiCli cli;
  CHECK(cli.queue({"add", "--type", "ai:generation"}).status == 1);  // which queue is not known yet
  const std::string theirs = read_by({"asynq-enqueue", cli.address()}).at("default");
  const auto redis = cli.redis();
  const auto message_of = [&](const std::string& id) {
    return checked(*redis, {"HGET", "asynq:{default}:t:" + id, "msg"}).text;
  };
  const AsynqMessage told = decode_asynq_message(message_of(theirs)).value();
  const json added = cli.object({"add", "--queue", "default", "--type", told.type, "--payload", told.payload,
                                 "--max-retry", std::to_string(told.retry)});
  CHECK(added.at("added") == 1);
  const std::string id = added.at("ids").at(0);
  CHECK(id[14] == '4');
  std::string expected = message_of(theirs);
  expected.replace(expected.find(theirs), theirs.size(), id);
  CHECK(message_of(id) == expected);  // byte for byte, but for the ID
  CHECK(checked(*redis, {"HKEYS", "asynq:{default}:t:" + id}).items.size() ==
        checked(*redis, {"HKEYS", "asynq:{default}:t:" + theirs}).items.size());

  const Output usual = cli.queue({"add", "--queue", "default", "--type", "empty"});
  INFO(said(usual));
  REQUIRE(usual.status == 0);
  CHECK_FALSE(has(usual.err, "is new"));
  CHECK(cli.object({"add", "--queue", "default", "--type", "x", "--dry-run"}).at("added") == 0);
  const json seen = read_by({"asynq-inspect", cli.address(), "default"});
  CHECK(ids_in(seen, "pending") == std::set<std::string>{theirs, id, std::string(trim(usual.out))});
  for (const json& task : seen.at("pending")) {
    if (task.at("Type") != "empty") continue;
    CHECK(task.at("MaxRetry") == 25);  // the client's own default
    CHECK(task.at("Timeout") == 1'800'000'000'000);
  }
  const json done = read_by({"asynq-process", cli.address(), "default=1", "3"});
  REQUIRE(done.size() == 3);
  CHECK(done.at(1).at("ID") == id);  // in the order of arrival
  CHECK(done.at(1).at("Payload") == told.payload);
  CHECK(done.at(2).at("Payload") == "");
}

TEST_CASE("queue and Asynq: what no client could enqueue is refused") {
  MiraiCli cli;
  const std::vector<std::vector<std::string>> mistakes = {
      {"--queue", "default", "--payload", "{}"},
      {"--queue", "default", "--type", "  "},
      {"--queue", "default", "--type", "\xff"},
      {"--queue", " ", "--type", "x"},
      {"--queue", "default", "--type", "x", "--max-retry", "-1"},
      {"--queue", "default", "--type", "x", "--field", "a=b"},
      {"--queue", "default", "--type", "x", R"({"a":"b"})"},
      {"--stream", "some:stream", "--type", "x"},
  };
  for (std::vector<std::string> words : mistakes) {
    CAPTURE(join(words, " "));
    words.insert(words.begin(), "add");
    const Output refused = cli.queue(words);
    INFO(said(refused));
    CHECK(refused.status == 2);
  }
  CHECK(checked(*cli.redis(), {"DBSIZE"}).integer == 0);
  const Output made = cli.queue({"add", "--queue", "default", "--type", "x"});
  CHECK(made.status == 0);
  CHECK(has(made.err, "queue \"default\" is new"));
}

TEST_CASE("queue and Asynq: an active task is neither removed nor run again, and a dead worker's is told") {
  MiraiCli cli;
  const auto redis = cli.redis();
  enqueue(*redis, "default", 2);
  checked(*redis, AsynqQueue("default").dequeue_command(now_seconds(*redis) - 1));
  CHECK(cli.state("task-0") == "active");
  for (const char* const verb : {"rm", "retry"}) {
    CAPTURE(verb);
    const json refused = cli.object({verb, "task-0", "--yes"}, 1).at("jobs").at(0);
    CHECK(refused.at("result") == "active: a worker has it");
    CHECK(refused.at("ok") == false);
  }
  const json facts = cli.object({"stats"}).at("queues").at(0);
  CHECK(facts.at("active") == 1);
  CHECK(facts.at("pending") == 1);
  CHECK(facts.at("expired_leases") == 1);
  CHECK(has(cli.queue({"stats"}).out, "1 (1 without a worker)"));
  CHECK(has(cli.queue({"ls", "--state", "active"}).out, "lease expired"));
}

TEST_CASE("queue and Asynq: several queues, limits, and the verbs that are for streams") {
  MiraiCli cli;
  const Output none = cli.queue({"stats"});
  CHECK(none.status == 0);
  CHECK(has(none.out, "No queues."));
  const Output empty = cli.queue({"ls"});
  CHECK(empty.status == 1);
  CHECK(has(empty.err, "nothing was enqueued yet"));
  CHECK(cli.queue({"top", "--looks", "1"}).status == 1);

  const auto redis = cli.redis();
  enqueue(*redis, "critical", 1);
  enqueue(*redis, "low", 3);
  CHECK(cli.object({"stats"}).at("queues").size() == 2);
  CHECK(cli.object({"stats", "--queue", "low"}).at("queues").size() == 1);
  CHECK(cli.object({"stats", "--queue", "typo"}).at("queues").at(0).at("kind") == "none");
  CHECK(cli.object({"stats", "--rate", "10ms"}).at("queues").at(0).at("processed_per_second") == 0.0);
  const Output many = cli.queue({"ls"});
  CHECK(many.status == 2);
  CHECK(has(many.err, "critical, low"));
  CHECK(has(many.err, "--queue"));
  const Output typo = cli.queue({"pause", "--queue", "typo"});
  CHECK(typo.status == 1);
  CHECK(has(typo.err, "there are: critical, low"));
  CHECK(checked(*redis, {"EXISTS", "asynq:{typo}:paused"}).integer == 0);
  CHECK(cli.object({"ls", "--queue", "low", "--limit", "2"}).at("more") == true);
  CHECK(cli.queue({"stats", "--max-lag", "3"}).status == 0);
  const Output behind = cli.queue({"stats", "--max-lag", "2"});
  CHECK(behind.status == 1);
  CHECK(has(behind.err, "low: 3 tasks are pending, more than 2"));
  CHECK(has(cli.queue({"pause", "--queue", "low"}).out, "--queue low"));
  CHECK(has(cli.queue({"stats"}).out, "low (paused)"));

  const std::vector<std::vector<std::string>> for_streams = {{"add", R"({"a":"b"})"},
                                                             {"import", "/dev/null"},
                                                             {"export"},
                                                             {"tail"},
                                                             {"trim", "--yes"},
                                                             {"claim", "task-0", "--consumer", "me"},
                                                             {"work", "--", "true"}};
  for (const std::vector<std::string>& words : for_streams) {
    CAPTURE(words.front());
    const Output refused = cli.queue(words);
    CHECK(refused.status == 2);
    CHECK(has(refused.err, "not for an Asynq queue: "));
  }
  for (const char* const option : {"--state=dead", "--from=1h", "--newest", "--group=g", "--stream=s"}) {
    CAPTURE(option);
    CHECK(cli.queue({"ls", "--queue", "low", option}).status == 2);
  }
  CHECK(cli.queue({"retry", "--all", "--idle", "1m", "--queue", "low"}).status == 2);
}

TEST_CASE("queue and Asynq: --queue names one beside a stream, and --all shows both") {
  QueueCli cli;
  const auto redis = cli.redis();
  enqueue(*redis, "default", 2);
  CHECK(cli.object("ls", {"--queue", "default"}).at("jobs").size() == 2);
  CHECK(cli.object("ls").at("jobs").empty());
  CHECK(cli.object("rm", {"task-1", "--queue", "default", "--yes"}).at("done") == 1);
  const json all = cli.object("stats", {"--all"}).at("queues");
  REQUIRE(all.size() == 2);
  CHECK(all[0].at("kind") == "stream");
  CHECK(all[1].at("kind") == "asynq");
  CHECK(cli.queue("ls", {"--state", "archived"}).status == 2);
  CHECK(cli.queue("ls", {"--queue", ""}).status == 2);
}

TEST_CASE("queue and Asynq: top shows the tasks by state, opens one, runs and removes after a question") {
  MiraiCli cli;
  const auto redis = cli.redis();
  enqueue(*redis, "default", 3);
  const std::int64_t now = now_seconds(*redis);
  const AsynqQueue queue("default");
  checked(*redis, queue.dequeue_command(now + 60));
  AsynqTask failed = task_named("task-0");
  failed.error = "no disk left";
  REQUIRE(queue.retry_at(*redis, failed, now + 3600, "2025-01-01"));

  const Output line = cli.queue({"top", "--looks", "1"});
  INFO(said(line));
  CHECK(has(line.out, "default: 2 pending"));
  CHECK(has(line.out, "1 retry"));
  CHECK(cli.object({"top", "--looks", "1"}).at("retry") == 1);

  Pty pty({RAIBID_CLI, "queue", "top", "--target", "local", "--preset", "mirai", "--interval", "200ms"},
          {{"RAIBID_HOME", cli.home().string()}, {"HOME", cli.folder().string()}});
  REQUIRE(pty.shows("PENDING TASKS"));
  REQUIRE(pty.shows("task-1"));
  pty.type("r");
  REQUIRE(pty.shows("needs no retry"));
  pty.type("s");
  REQUIRE(pty.shows("ACTIVE TASKS"));
  pty.type("s");
  REQUIRE(pty.shows("RETRY TASKS"));
  REQUIRE(pty.shows("no disk left"));
  pty.type("\r");
  REQUIRE(pty.shows("last error"));
  pty.type("\r");
  pty.type("r");
  REQUIRE(pty.shows("Run task task-0 now? y/n"));
  pty.type("y");
  REQUIRE(pty.shows("3, the oldest for"));
  pty.type("sss");
  REQUIRE(pty.shows("PENDING TASKS"));
  pty.type("d");
  REQUIRE(pty.shows("for good? y/n"));
  pty.type("y");
  REQUIRE(pty.shows("was removed"));
  pty.type("py");
  REQUIRE(pty.shows("(paused)"));
  pty.type("q");
  CHECK(pty.end() == 0);
  CHECK(queue.count(*redis, "pending") == 2);
  CHECK(checked(*redis, {"EXISTS", "asynq:{default}:paused"}).integer == 1);
}

TEST_CASE("Asynq's lists and sets are read to their end in pages, while tasks leave them") {
  const RedisServer server;
  const auto redis = server.connect();
  enqueue(*redis, "default", 250);
  AsynqJobQueue queue = job_queue(*redis);
  const std::vector<std::string> all = scanned(queue, JobState::pending);
  REQUIRE(all.size() == 250);
  CHECK(all.front() == "task-0");
  CHECK(all.back() == "task-249");
  const AsynqQueue library("default");
  // a worker takes some between two pages: none of those that stay is left out or comes twice
  const std::int64_t lease = now_seconds(*redis) + 60;
  std::vector<std::string> ids;
  JobFilter pending;
  pending.state = JobState::pending;
  queue.scan(pending, [&](const JobView& view) {
    ids.push_back(view.job.id);
    if (ids.size() == 50) {
      for (int i = 0; i < 20; ++i) checked(*redis, library.dequeue_command(lease));
    }
    if (ids.size() == 150) {
      for (int i = 0; i < 190; ++i) checked(*redis, library.dequeue_command(lease));
    }
    return true;
  });
  CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == ids.size());
  for (int i = 210; i < 250; ++i) CHECK(std::count(ids.begin(), ids.end(), fmt::format("task-{}", i)) == 1);
  CHECK(scanned(queue, JobState::active).size() == 210);

  // 150 with the same score, and 60 with others
  for (int i = 0; i < 210; ++i)
    REQUIRE(library.retry_at(*redis, task_named(fmt::format("task-{}", i)), i < 150 ? 1000 : 2000 + i, "2025-01-01"));
  ids.clear();
  JobFilter retry;
  retry.state = JobState::retry;
  queue.scan(retry, [&](const JobView& view) {
    ids.push_back(view.job.id);
    return true;
  });
  CHECK(ids.size() == 210);
  CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == 210);
  CHECK(scanned(queue).size() == 250);
  const std::vector<JobOutcome> outcomes = queue.retry(ids);
  CHECK(std::all_of(outcomes.begin(), outcomes.end(), [](const JobOutcome& outcome) { return outcome.ok; }));
  CHECK(library.count(*redis, "pending") == 250);
  CHECK(library.count(*redis, "retry") == 0);
}

TEST_CASE("A script on Asynq's tasks that Redis refuses, or that finds them torn, loses none of them") {
  const RedisServer server;
  const auto redis = server.connect();
  enqueue(*redis, "default", 3);
  const AsynqQueue library("default");
  const std::int64_t now = now_seconds(*redis);
  for (int i = 0; i < 3; ++i) checked(*redis, library.dequeue_command(now + 60));
  REQUIRE(library.retry_at(*redis, task_named("task-0"), now + 3600, "2025-01-01"));
  REQUIRE(library.archive(*redis, task_named("task-1"), now, "2025-01-01"));
  AsynqJobQueue queue = job_queue(*redis);

  checked(*redis, {"CONFIG", "SET", "maxmemory", "1"});
  CHECK(has(error_of([&] { queue.retry({"task-0"}); }).message(), "OOM"));
  checked(*redis, {"CONFIG", "SET", "maxmemory", "0"});
  checked(*redis, {"SET", "asynq:{default}:pending", "not a list"});
  CHECK(has(error_of([&] { queue.requeue({"task-1"}); }).message(), "WRONGTYPE"));
  checked(*redis, {"DEL", "asynq:{default}:pending"});
  CHECK(library.count(*redis, "retry") == 1);
  CHECK(library.count(*redis, "archived") == 1);
  CHECK(library.state(*redis, "task-0") == "retry");
  CHECK(library.state(*redis, "task-1") == "archived");

  // its hash says retry, and it is in no set; nothing is made of that
  checked(*redis, {"ZREM", "asynq:{default}:retry", "task-0"});
  CHECK(queue.retry({"task-0"}).at(0).result == "not in the set of its state");
  CHECK(queue.remove({"task-0"}).at(0).result == "not in the list of its state");
  CHECK(library.state(*redis, "task-0") == "retry");
  // evicted: the ID is listed, and said to be gone
  checked(*redis, {"DEL", "asynq:{default}:t:task-1"});
  JobFilter archived;
  archived.state = JobState::archived;
  std::vector<bool> deleted;
  queue.scan(archived, [&](const JobView& view) {
    deleted.push_back(view.deleted);
    return true;
  });
  CHECK(deleted == std::vector<bool>{true});
  CHECK(queue.requeue({"task-1"}).at(0).result == "gone");
  CHECK(queue.find({"task-1"}).empty());
  CHECK(library.count(*redis, "pending") == 0);
  // a message that is not Asynq's
  checked(*redis, {"HSET", "asynq:{default}:t:task-2", "msg", "plain text"});
  const std::vector<JobView> found = queue.find({"task-2"});
  REQUIRE(found.size() == 1);
  CHECK(found.front().state == JobState::active);
  CHECK(found.front().task.value().readable == false);
}

}  // namespace raibid::asynq_queue_test
