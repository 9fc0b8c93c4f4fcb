// The commands `queue …` of the built program, on a Redis that it has set up on this machine.
#include "cli/command_table.hpp"

#include <doctest/doctest.h>

#include <signal.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "components/redis/commands/smoke/asynq.hpp"
#include "components/registry.hpp"
#include "support/queue_cli.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "tools/redis_client.hpp"

using namespace raibid;
using namespace raibid::test;
using namespace std::chrono_literals;
using nlohmann::json;

TEST_CASE(
    "queue on this machine: whoever does jobs, adds them or sets up trims a stream above its limit, and status tells") {
  QueueCli cli;
  REQUIRE(cli({"setup", "redis", "--target", "local", "--max-length", "10"}).status == 0);
  const auto line = [&] {
    const json status = json::parse(cli({"status", "redis", "--target", "local", "-o", "json"}).out);
    for (const json& check : status.at("checks")) {
      if (check.at("name") == "trimming") return check.at("text").get<std::string>();
    }
    return std::string("no such line");
  };
  CHECK(has(line(), "nothing was above its limit yet"));
  const auto redis = cli.redis();
  // another producer, which knows no limit
  const auto produce = [&](int count) {
    for (int i = 0; i < count; ++i)
      redis->command({"XADD", "raibid:jobs", "*", "job_id", std::to_string(i), "job_type", "x", "payload", "{}"});
  };
  produce(30);
  REQUIRE(cli({"setup", "redis", "--target", "local"}).status == 0);
  CHECK(cli.length() == 30);  // nothing of it is done
  CHECK(has(line(), ": 0 entries of raibid:jobs removed"));
  REQUIRE(cli.queue("work", {"--until-empty", "--batch", "--", "sed", "-u", "s/.*/ok/"}).status == 0);
  CHECK(cli.length() == 10);
  CHECK(has(line(), ": 20 entries of raibid:jobs removed"));

  produce(5);
  cli.take("someone", 100);
  REQUIRE(cli({"setup", "redis", "--target", "local"}).status == 0);
  CHECK(cli.length() == 10);  // the pending ones are the newest
  CHECK(has(line(), ": 5 entries of raibid:jobs removed"));
  const std::string before = line();
  CHECK(line() == before);
  REQUIRE(cli.queue("add", {"--field", "job_id=1", "--field", "job_type=x", "--field", "payload={}"}).status == 0);
  CHECK(cli.length() == 10);
  CHECK(has(line(), ": 1 entry of raibid:jobs removed"));

  REQUIRE(cli({"setup", "redis", "--target", "local", "--trim-schedule", "off"}).status == 0);
  for (int i = 0; i < 20; ++i) redis->command({"XADD", "raibid:jobs", "*", "job_id", "1"});
  REQUIRE(cli({"setup", "redis", "--target", "local"}).status == 0);
  REQUIRE(
      cli.queue("work", {"--until-empty", "--batch", "--claim-after", "1ms", "--", "sed", "-u", "s/.*/ok/"}).status ==
      0);
  CHECK(cli.length() == 30);
}

TEST_CASE("queue add: one job by its fields or as JSON, and only what the preset calls a job") {
  QueueCli cli;
  const Output one = cli.queue("add", {"--field", "job_id=1", "--field", "job_type=build", "--field", "payload={}"});
  INFO(said(one));
  CHECK(one.status == 0);
  CHECK(one.out.find('-') != std::string::npos);
  CHECK(cli.object("add", {R"({"job":{"id":2}})", R"({"job_id":3,"job_type":"x","payload":"y"})"}).at("ids").size() ==
        2);
  const Output refused = cli.queue("add", {"--field", "job_id=1"});
  CHECK(refused.status == 2);
  CHECK(has(refused.err, "job_type is missing"));
  CHECK(has(refused.err, "job (a JSON object)"));
  CHECK(cli.queue("add").status == 2);
  CHECK(cli.queue("add", {"--dry-run", R"({"job":{}})"}).status == 0);
  CHECK(cli.length() == 3);
  const json jobs = cli.object("ls").at("jobs");
  REQUIRE(jobs.size() == 3);
  CHECK(jobs[0].at("fields").at("job_id") == "1");
  CHECK(jobs[1].at("fields").at("job") == R"({"id":2})");
  CHECK(jobs[2].at("state") == "waiting");
}

TEST_CASE("queue add: many from a file and from standard input") {
  QueueCli cli;
  const std::string file = cli.write("jobs.jsonl", job_lines(3000));
  CHECK(cli.object("add", {"--dry-run", file}).at("would_add") == 3000);
  CHECK(cli.length() == 0);
  const json result = cli.object("add", {file});
  CHECK(result.at("added") == 3000);
  CHECK(result.at("line") == 3000);
  CHECK(cli.length() == 3000);
  const Output piped = cli.with_input(QueueCli::words("add", {"-"}), job_lines(10));
  INFO(said(piped));
  CHECK(piped.status == 0);
  CHECK(has(piped.out, "Added 10 jobs"));
  CHECK(cli.length() == 3010);
  CHECK(cli.object("add", {file, "--resume"}).at("added") == 0);
  CHECK(cli.length() == 3010);
}

TEST_CASE("queue add: a bad line says how far it came, a second run asks what is meant, --resume goes on") {
  QueueCli cli;
  const std::string file = cli.write("jobs.jsonl", job_lines(500) + "{\"job_id\":1}\n" + job_lines(5));
  const Output broken = cli.queue("add", {file});
  INFO(said(broken));
  CHECK(broken.status == 2);
  CHECK(has(broken.err, "line 501: field job_type is missing"));
  CHECK(has(broken.err, "lines up to 500 were added"));
  CHECK(has(broken.err, "--resume"));
  CHECK(cli.length() == 500);
  cli.write("jobs.jsonl", job_lines(600));
  const Output again = cli.queue("add", {file});
  CHECK(again.status == 3);
  CHECK(has(again.err, "--again"));
  CHECK(cli.length() == 500);
  CHECK(cli.object("add", {file, "--resume"}).at("added") == 100);
  CHECK(cli.length() == 600);
  const json skipping =
      cli.object("add", {cli.write("more.jsonl", job_lines(5) + "x\n" + job_lines(5)), "--skip-invalid"}, 1);
  CHECK(skipping.at("added") == 10);
  CHECK(skipping.at("refused") == 1);
}

TEST_CASE("queue add: Ctrl-C says up to which line it came, and that is what is there") {
  QueueCli cli;
  const std::string fifo = (cli.folder() / "fifo").string();
  must({"mkfifo", fifo});
  int pid = 0;
  cli.runner().observe([&](int started, const Command&) { pid = started; });
  const auto process = cli.start(QueueCli::words("add", {fifo}));
  cli.runner().observe({});
  Process* const waited = process.get();
  const auto writer = cli.runner().start({{"sh", "-c", "exec 3>\"$0\"; cat >&3; sleep 60", fifo}, job_lines(700), {}});
  const auto redis = cli.redis();
  const TimePoint until = cli.runner().now() + 30s;
  while (redis->command({"XLEN", "raibid:jobs"}).integer < 700 && cli.runner().now() < until)
    cli.runner().wait({}, cli.runner().now() + 20ms);
  REQUIRE(redis->command({"XLEN", "raibid:jobs"}).integer == 700);
  REQUIRE(::kill(pid, SIGINT) == 0);
  while (!process->finished() && cli.runner().now() < until) cli.runner().wait({&waited, 1}, until);
  INFO(process->err());
  CHECK(process->status() == 130);
  CHECK(has(process->err(), "added up to line 700"));
}

TEST_CASE(
    "queue add: a server that dies in the middle loses nothing that was acknowledged, and --resume adds the rest "
    "once") {
  QueueCli cli;
  const std::string file = cli.write("jobs.jsonl", job_lines(200'000));
  const int server =
      cli.object("stats").at("queues").at(0).at("length") == 0
          ? json::parse(cli({"status", "redis", "--target", "local", "-o", "json"}).out).at("pid").get<int>()
          : 0;
  REQUIRE(server > 0);
  const auto redis = cli.redis();
  redis->command({"CONFIG", "SET", "appendfsync", "always"});
  const auto process = cli.start(QueueCli::words("add", {file}));
  Process* const waited = process.get();
  const TimePoint until = cli.runner().now() + 60s;
  while (redis->command({"XLEN", "raibid:jobs"}).integer < 1000 && cli.runner().now() < until) {
  }
  REQUIRE(::kill(server, SIGKILL) == 0);
  while (!process->finished() && cli.runner().now() < until) cli.runner().wait({&waited, 1}, until);
  INFO(process->err());
  CHECK(process->status() == 1);
  CHECK(has(process->err(), "--resume"));
  REQUIRE(cli({"setup", "redis", "--target", "local"}).status == 0);
  const std::int64_t there = cli.length();
  CHECK(there >= 1000);
  CHECK(there < 200'000);
  CHECK(cli.object("add", {file, "--resume"}).at("added") == 200'000 - there);
  CHECK(cli.length() == 200'000);
}

TEST_CASE("queue stats: facts as a table and as an object, and limits as exit code 1") {
  QueueCli cli;
  CHECK(cli.object("stats").at("queues").at(0).at("length") == 0);
  cli.queue("add", {cli.write("jobs.jsonl", job_lines(20))});
  cli.take("c1", 3);
  const Output text = cli.queue("stats");
  INFO(said(text));
  CHECK(text.status == 0);
  CHECK(has(text.out, "20 of 10,000"));
  CHECK(has(text.out, "raibid-workers"));
  CHECK(has(text.out, "c1"));
  const json facts = cli.object("stats", {"--rate", "200ms"}).at("queues").at(0);
  CHECK(facts.at("limit") == 10000);
  CHECK(facts.at("added_per_second") == 0.0);
  CHECK(facts.at("groups").at(0).at("lag") == 17);
  CHECK(facts.at("groups").at(0).at("pending") == 3);
  CHECK(facts.at("groups").at(0).at("oldest_pending").at("consumer") == "c1");
  CHECK(cli.queue("stats", {"--max-lag", "17", "--max-pending-age", "1h", "--max-dead", "0"}).status == 0);
  const Output behind = cli.queue("stats", {"--max-lag", "16"});
  CHECK(behind.status == 1);
  CHECK(has(behind.err, "17 jobs are waiting, more than 16"));
  CHECK(cli.object("stats", {"--max-pending-age", "1ms"}, 1).at("passed_limits").size() == 1);
  CHECK(cli.object("stats", {"--all"}).at("queues").size() == 1);
  CHECK(cli.object("stats", {"--stream", "other"}).at("queues").at(0).at("kind") == "none");
}

TEST_CASE("queue trim: asks, says what it would do, and never touches what is not done") {
  QueueCli cli;
  cli.queue("add", {cli.write("jobs.jsonl", job_lines(100))});
  const Output nothing = cli.queue("trim", {"--max-length", "10"});
  INFO(said(nothing));
  CHECK(nothing.status == 1);
  CHECK(has(nothing.out, "90 entries above the limit stay: group raibid-workers has not been given"));
  cli.take("c1", 60);
  cli.redis()->command({"EVAL",
                        "for _, p in ipairs(redis.call('XPENDING', KEYS[1], 'raibid-workers', '-', '+', 50)) do "
                        "redis.call('XACK', KEYS[1], 'raibid-workers', p[1]) end",
                        "1", "raibid:jobs"});
  CHECK(cli.object("trim", {"--max-length", "10", "--dry-run"}).at("would_remove") == 50);
  const Output asked = cli.queue("trim", {"--max-length", "10"});
  CHECK(asked.status == 2);
  CHECK(has(asked.err, "--yes"));
  CHECK(cli.length() == 100);
  const json done = cli.object("trim", {"--max-length", "10", "--yes"});
  CHECK(done.at("removed") == 50);
  CHECK(done.at("kept_for").at("reason") == "pending");
  CHECK(cli.length() == 50);
  CHECK(cli.object("trim", {"--older-than", "1h", "--yes"}).at("removed") == 0);
}

TEST_CASE("queue ls, show, grep: jobs by state, field, text and range") {
  QueueCli cli;
  cli.queue("add", {cli.write("jobs.jsonl", job_lines(30))});
  cli.take("c1", 5);
  CHECK(cli.object("ls").at("jobs").size() == 20);
  CHECK(cli.object("ls").at("more") == true);
  CHECK(cli.object("ls", {"--limit", "0"}).at("jobs").size() == 30);
  const json pending = cli.object("ls", {"--state", "pending"}).at("jobs");
  REQUIRE(pending.size() == 5);
  CHECK(pending[0].at("consumer") == "c1");
  CHECK(pending[0].at("deliveries") == 1);
  CHECK(cli.object("ls", {"--field", "job_id=7"}).at("jobs").size() == 1);
  CHECK(cli.object("ls", {"--from", "1h"}).at("jobs").size() == 20);
  CHECK(cli.object("ls", {"--to", "1h"}).at("jobs").empty());
  CHECK(cli.object("ls", {"--from", "2020-01-01T00:00:00Z", "--state", "waiting", "--limit", "3"}).at("jobs").size() ==
        3);
  CHECK(cli.queue("ls", {"--from", "yesterday"}).status == 2);
  const std::string id = pending[0].at("id");
  const Output shown = cli.queue("show", {id});
  INFO(said(shown));
  CHECK(has(shown.out, "pending"));
  CHECK(has(shown.out, "job_type"));
  CHECK(cli.queue("show", {"1-1"}).status == 1);
  CHECK(cli.object("grep", {"\"n\":12"}).at("jobs").size() == 1);
  CHECK(cli.queue("grep", {"nowhere"}).status == 1);
}

TEST_CASE("queue export and import: byte for byte, with binary payloads and the same IDs") {
  QueueCli cli;
  const auto redis = cli.redis();
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  redis->command({"XADD", "raibid:jobs", "5-1", "payload", bytes, "payload", "twice"});
  redis->command({"XADD", "raibid:jobs", "6-0", "text", "é\n\"", bytes, ""});
  for (int i = 10; i < 3000; ++i)
    redis->command({"XADD", "raibid:jobs", fmt::format("{}-0", i), "job_id", std::to_string(i)});
  const Output exported = cli.queue("export");
  INFO(exported.err);
  REQUIRE(exported.status == 0);
  const std::string file = cli.write("export.jsonl", exported.out);
  const json imported = cli.object("import", {file, "--stream", "copy"});
  CHECK(imported.at("added") == 2992);
  const Output copy = cli.queue("export", {"--stream", "copy"});
  CHECK(copy.out == exported.out);
  const auto range = [&](const char* key) { return redis->command({"XRANGE", key, "5-1", "6-0"}); };
  REQUIRE(range("copy").items.size() == 2);
  CHECK(range("copy").items[0].items[1].items[1].text == bytes);
  CHECK(range("copy").items[1].items[1].items[2].text == bytes);
  CHECK(cli.queue("import", {file, "--stream", "copy"}).status == 1);  // these IDs are there already
  CHECK(cli.object("import", {file, "--stream", "copy", "--again", "--new-ids"}).at("added") == 2992);
  CHECK(redis->command({"XLEN", "copy"}).integer == 2 * 2992);
}

TEST_CASE("queue tail: the last jobs, and each new one once across a restart of Redis") {
  QueueCli cli;
  cli.queue("add", {cli.write("jobs.jsonl", job_lines(30))});
  const Output last = cli.queue("tail", {"--limit", "2"});
  CHECK(has(last.out, "job_id=29"));
  CHECK(has(last.out, "job_id=30"));
  CHECK(!has(last.out, "job_id=28"));
  const auto process = cli.start(QueueCli::words("tail", {"-f", "--limit", "1"}));
  Process* const waited = process.get();
  const TimePoint until = cli.runner().now() + 60s;
  const auto wait_for = [&](const std::string& text) {
    while (!has(process->out(), text) && cli.runner().now() < until) cli.runner().wait({&waited, 1}, until);
    REQUIRE(has(process->out(), text));
  };
  wait_for("job_id=30 ");
  cli.queue("add", {R"({"job_id":31,"job_type":"x","payload":"y"})"});
  wait_for("job_id=31 ");
  const int server = json::parse(cli({"status", "redis", "--target", "local", "-o", "json"}).out).at("pid");
  REQUIRE(::kill(server, SIGTERM) == 0);
  while (!has(process->err(), "connecting again") && cli.runner().now() < until) cli.runner().wait({&waited, 1}, until);
  REQUIRE(cli({"setup", "redis", "--target", "local"}).status == 0);
  cli.queue("add", {R"({"job_id":32,"job_type":"x","payload":"y"})"});
  wait_for("job_id=32 ");
  std::size_t lines = 0;
  for (const char c : process->out()) lines += c == '\n' ? 1 : 0;
  CHECK(lines == 3);
}

TEST_CASE("queue retry, claim, dead, rm, pause and resume") {
  QueueCli cli;
  cli.queue("add", {cli.write("jobs.jsonl", job_lines(6))});
  cli.take("dead-worker", 4);
  const json pending = cli.object("ls", {"--state", "pending"}).at("jobs");
  const std::string first = pending[0].at("id");
  const std::string second = pending[1].at("id");
  CHECK(cli.queue("retry", {first}).status == 2);  // asks
  CHECK(cli.object("retry", {first, "--dry-run"}).at("done") == 0);
  CHECK(cli.object("retry", {first, "--yes"}).at("done") == 1);
  CHECK(cli.object("retry", {first, "--yes"}, 1).at("done") == 0);
  CHECK(cli.object("retry", {"--all", "--idle", "1h", "--yes"}).at("done") == 0);
  CHECK(cli.object("claim", {second, "--consumer", "me"}).at("done") == 1);
  CHECK(cli.object("show", {second}).at("jobs").at(0).at("consumer") == "me");
  CHECK(cli.object("claim", {"--all", "--consumer", "me"}).at("done") == 3);
  CHECK(cli.queue("rm", {second}).status == 2);
  CHECK(cli.object("rm", {second, "--yes"}).at("done") == 1);
  CHECK(cli.length() == 5);

  cli.redis()->command({"XADD", "raibid:jobs:dead", "1-0", "job_id", "9", "dead:id", "0-9", "dead:group",
                        "raibid-workers", "dead:consumer", "c", "dead:deliveries", "3", "dead:reason", "exit code 1"});
  cli.redis()->command({"XADD", "raibid:jobs:dead", "2-0", "job_id", "10"});
  const json dead = cli.object("dead").at("jobs");
  REQUIRE(dead.size() == 2);
  CHECK(dead[0].at("reason") == "exit code 1");
  CHECK(dead[0].at("fields").size() == 1);
  CHECK(has(cli.queue("dead", {"ls"}).out, "exit code 1"));
  CHECK(cli.object("dead", {"requeue", "1-0", "--yes"}).at("done") == 1);
  CHECK(cli.object("dead", {"drop", "--all", "--yes"}).at("done") == 1);
  CHECK(cli.queue("dead", {"bury"}).status == 2);
  CHECK(cli.length() == 6);
  CHECK(cli.object("ls", {"--field", "job_id=9"}).at("jobs").at(0).at("fields").size() == 1);

  CHECK(cli.queue("pause", {"upgrade", "of", "workers"}).status == 0);
  CHECK(has(cli.queue("stats").out, "(paused)"));
  CHECK(has(cli.object("stats").at("queues").at(0).at("paused").get<std::string>(), "upgrade of workers"));
  CHECK(cli.object("resume").at("was_paused") == true);
  CHECK(cli.object("resume").at("was_paused") == false);
}

TEST_CASE("queue: not installed is exit code 6") {
  Cli cli;
  CHECK(cli({"queue", "stats", "--target", "local"}).status == 6);
  CHECK(cli({"queue", "add", "--target", "local", R"({"job":{}})"}).status == 6);
  CHECK(cli({"queue", "work", "--target", "local", "--", "true"}).status == 6);
}

TEST_CASE("queue: hints name the stream that was asked for") {
  QueueCli cli;
  const std::string jobs = cli.write("broken.jsonl", job_lines(3) + "no job\n");
  const Output broken = cli.queue("add", {"--stream", "other", jobs});
  CHECK(broken.status == 2);
  CHECK(has(broken.err, "queue add --target local --stream other " + jobs + " --resume"));
  const Output paused = cli.queue("pause", {"--stream", "other"});
  CHECK(has(paused.out + paused.err, "queue resume --target local --stream other"));
}

TEST_CASE("queue work: a paused queue is told, and --until-empty does not wait for it") {
  QueueCli cli;
  cli.queue("add", {cli.write("jobs", job_lines(3))});
  REQUIRE(cli.queue("pause").status == 0);
  const Output output = cli.queue("work", {"--until-empty", "--", "true"});
  INFO(said(output));
  CHECK(output.status == 1);
  CHECK(has(output.err, "is paused"));
  CHECK(has(output.err, "raibid-cli queue resume"));
  CHECK(cli.length() == 3);
}

TEST_CASE("queue: every example of docs/queue.md runs") {
  QueueCli cli;
  cli.write("jobs.jsonl", job_lines(10));
  AsynqTask task;
  task.type = "ai:generation";
  task.id = "task-1";
  task.queue = "default";
  const auto redis = cli.redis();
  AsynqQueue("default").announce(*redis);
  REQUIRE(AsynqQueue("default").enqueue(*redis, task, 1));
  const std::string text = read_file(fs::path(RAIBID_SOURCE_DIR) / "docs" / "queue.md").value();
  int examples = 0;
  for (const std::string& line : split(text, '\n')) {
    const std::string program = "raibid-cli ";
    if (!line.starts_with(program + "queue ") || line.ends_with(" -f") || has(line, "-- ")) continue;
    CAPTURE(line);
    const std::string command =
        fmt::format("cd '{}' && '{}' {}{}", cli.folder().string(), RAIBID_CLI, line.substr(program.size()),
                    has(line, "queue top") ? " --looks 1" : "");  // it goes on until someone ends it
    const Output output =
        attempt({"env", "RAIBID_HOME=" + cli.home().string(), "HOME=" + cli.folder().string(), "sh", "-c", command});
    INFO(said(output));
    CHECK(output.status <= 1);  // 1: a limit that is passed, a job that is not there
    ++examples;
  }
  CHECK(examples >= 20);
}

TEST_CASE("help: the examples of every command run") {
  QueueCli cli;
  cli.set("RAIBID_TARGET", "local");
  cli.set("RAIBID_TLS", "true");  // `tls rotate` and `export client-certificate` need it
  cli.write("jobs.jsonl", job_lines(3));
  cli.write("build.sh", "#!/bin/sh\ncat >/dev/null\n");
  REQUIRE(cli.shell("chmod +x build.sh; mkdir bin; ln -s \"$RAIBID_CLI\" bin/raibid-cli").status == 0);
  REQUIRE(cli.shell("bin/raibid-cli setup redis --yes").status == 0);
  REQUIRE(cli.shell("bin/raibid-cli backup redis backups/raibid-redis-20260131T090807Z.rdb").status == 0);
  int examples = 0;
  const CommandTable table(components());
  for (const CommandRow& row : table.rows()) {
    if (row.name() == "teardown redis") continue;  // last
    if (row.name() == "failover redis") continue;  // only a cluster has replicas
    if (row.name() == "upgrade redis") continue;   // and images
    if (row.name() == "rollback redis") continue;  // there is one revision
    if (row.verb == "export" &&
        (row.object == "helm-release" || row.object == "argocd-application" || row.object == "kustomize"))
      continue;
    for (const std::string& example : row.examples) {
      // these go on until someone ends them, or need a cluster or someone's Redis
      if (has(example, "watch") || has(example, "-f ") || has(example, "./build.sh") ||
          example.ends_with("connect redis") || example.ends_with("queue top") || has(example, "mirai --target") ||
          has(example, "cache.example.com") || has(example, "--interval 5s") || has(example, "-secret --store") ||
          has(example, "sealed-secret") || has(example, "credentials sync") || has(example, "export alerts") ||
          has(example, "export dashboard") || has(example, "export servicemonitor") || has(example, "scrape-config") ||
          has(example, "rclone:"))
        continue;
      CAPTURE(example);
      const Output output = cli.shell("PATH=$PWD/bin:$PATH; " + example);
      INFO(said(output));
      // 1: a limit that is passed, a job that is not there
      CHECK(output.status <= 1);
      CHECK(!has(output.err, "unknown option"));
      ++examples;
    }
  }
  CHECK(examples >= 50);
  for (const std::string& example : table.find("teardown", "redis")->examples)
    CHECK(cli.shell("PATH=$PWD/bin:$PATH; " + example).status == 0);
}
