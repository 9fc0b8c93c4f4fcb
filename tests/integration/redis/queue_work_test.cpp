// `queue work` on a Redis that the program has set up on this machine.
#include <doctest/doctest.h>

#include <signal.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "base/strings.hpp"
#include "support/queue_cli.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"

using namespace raibid;
using namespace raibid::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

class WorkCli : public QueueCli {
 public:
  json work(std::vector<std::string> options, std::vector<std::string> command, int status = 0) {
    options.insert(options.end(), {"-o", "json", "--until-empty", "--"});
    options.insert(options.end(), command.begin(), command.end());
    const Output output = queue("work", options);
    INFO(said(output));
    REQUIRE(output.status == status);
    // what the commands print comes first
    return json::parse(output.out.substr(output.out.find("{\n  \"stream\"")));
  }
  std::int64_t pending() { return redis()->command({"XPENDING", "raibid:jobs", "raibid-workers"}).items.at(0).integer; }
  std::string file(const std::string& name) { return read_file(folder() / name, 64u << 20).value_or(""); }
  std::string log() { return (folder() / "log").string(); }
};

std::multiset<std::string> lines_of(const std::string& text) {
  std::multiset<std::string> lines;
  for (const std::string& line : split(text, '\n')) {
    if (!line.empty()) lines.insert(line);
  }
  return lines;
}

}  // namespace

TEST_CASE("queue work: payload on the input, fields in the environment, acknowledged on success") {
  WorkCli cli;
  cli.queue("add", {R"({"job_id":"7","job_type":"build it","payload":{"a":1}})"});
  cli.queue("add", {R"({"job":{"id":2}})"});
  const json result =
      cli.work({}, {"sh", "-c", "echo \"$JOB_ID|$JOB_TYPE|$(cat)|$JOB_ATTEMPT|$JOB_STREAM\" >>\"$0\"", cli.log()});
  CHECK(result.at("done") == 2);
  CHECK(cli.file("log") == "7|build it|{\"a\":1}|1|raibid:jobs\n||{\"id\":2}|1|raibid:jobs\n");
  CHECK(cli.pending() == 0);
  CHECK(cli.object("stats").at("queues").at(0).at("groups").at(0).at("waiting") == 0);
}

TEST_CASE("queue work: what fails is tried again, and is dead after so many deliveries") {
  WorkCli cli;
  cli.queue("add", {cli.write("jobs.jsonl", job_lines(3))});
  const json result = cli.work(
      {"--max-deliveries", "3", "--backoff", "10ms"},
      {"sh", "-c", "echo \"$JOB_ID $JOB_ATTEMPT\" >>\"$0\"; test $JOB_ID != 2 && test $JOB_ID$JOB_ATTEMPT != 31",
       cli.log()});
  CHECK(result.at("done") == 2);
  CHECK(result.at("dead") == 1);
  CHECK(result.at("failed_attempts") == 4);
  CHECK(lines_of(cli.file("log")) == std::multiset<std::string>{"1 1", "2 1", "2 2", "2 3", "3 1", "3 2"});
  const json dead = cli.object("dead").at("jobs");
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].at("fields").at("job_id") == "2");
  CHECK(dead[0].at("reason") == "exit code 1");
  CHECK(dead[0].at("deliveries") == 3);
  CHECK(cli.pending() == 0);
}

TEST_CASE("queue work: a job that takes too long is ended and counts as failed") {
  WorkCli cli;
  cli.queue("add", {cli.write("jobs.jsonl", job_lines(1))});
  const json result = cli.work({"--timeout", "200ms", "--max-deliveries", "1"}, {"sleep", "60"});
  CHECK(result.at("dead") == 1);
  CHECK(cli.object("dead").at("jobs").at(0).at("reason") == "not done within 0.2 s");
}

TEST_CASE("queue work: several at once") {
  WorkCli cli;
  cli.queue("add", {cli.write("jobs.jsonl", job_lines(12))});
  const json result = cli.work(
      {"--concurrency", "6"},
      {"sh", "-c", "echo begin >>\"$0\"; while [ $(grep -c begin \"$0\") -lt 6 ]; do sleep 0.01; done", cli.log()});
  CHECK(result.at("done") == 12);
}

TEST_CASE("queue work --batch: a line for each job and a line back") {
  WorkCli cli;
  cli.queue("add", {cli.write("jobs.jsonl", job_lines(3000))});
  const std::string script =
      "while read -r line; do echo \"$line\" >>\"$0\"; case $line in *'\"job_id\":\"7\"'*) echo bad seven;; *) echo "
      "ok;; esac; done";
  const json result =
      cli.work({"--batch", "--max-deliveries", "2", "--backoff", "10ms"}, {"bash", "-c", script, cli.log()});
  CHECK(result.at("done") == 2999);
  CHECK(result.at("dead") == 1);
  CHECK(lines_of(cli.file("log")).size() == 3001);
  CHECK(cli.object("dead").at("jobs").at(0).at("reason") == "bad seven");
  CHECK(cli.pending() == 0);
}

TEST_CASE("queue work --batch: a command that ends in the middle loses nothing") {
  WorkCli cli;
  cli.queue("add", {cli.write("jobs.jsonl", job_lines(100))});
  const std::string script =
      "n=0; while read -r line; do n=$((n+1)); [ $n = 30 ] && exit 3; echo \"$line\" >>\"$0\"; echo ok; done";
  const json result =
      cli.work({"--batch", "--max-deliveries", "5", "--backoff", "10ms"}, {"bash", "-c", script, cli.log()});
  CHECK(result.at("done") == 100);
  CHECK(result.at("dead") == 0);
  CHECK(lines_of(cli.file("log")).size() == 100);
}

TEST_CASE("queue work --batch: a command that buffers its input gives its last answers when nothing follows") {
  WorkCli cli;
  cli.queue("add", {cli.write("jobs.jsonl", job_lines(300))});
  const json result = cli.work({"--batch"}, {"sh", "-c", "cat >\"$0\"; sed 's/.*/ok/' \"$0\"", cli.log()});
  CHECK(result.at("done") == 300);
  CHECK(cli.pending() == 0);
}

TEST_CASE("queue work: takes over the jobs of a consumer that died") {
  WorkCli cli;
  cli.queue("add", {cli.write("jobs.jsonl", job_lines(20))});
  cli.take("dead", 8);
  CHECK(cli.work({"--claim-after", "100ms"}, {"true"}).at("done") >= 12);
  cli.runner().wait({}, cli.runner().now() + 150ms);
  cli.work({"--claim-after", "100ms"}, {"true"});
  CHECK(cli.pending() == 0);
}

TEST_CASE("queue work: a paused queue gives no jobs until it is resumed") {
  WorkCli cli;
  cli.queue("pause");
  cli.queue("add", {cli.write("jobs.jsonl", job_lines(1))});
  const auto worker = cli.start(QueueCli::words("work", {"--", "sh", "-c", "echo done >>\"$0\"", cli.log()}));
  Process* const waited = worker.get();
  cli.runner().wait({&waited, 1}, cli.runner().now() + 1500ms);
  CHECK(cli.file("log").empty());
  cli.queue("resume");
  const TimePoint until = cli.runner().now() + 20s;
  while (cli.file("log").empty() && cli.runner().now() < until) cli.runner().wait({}, cli.runner().now() + 20ms);
  CHECK(cli.file("log") == "done\n");
}

TEST_CASE("queue work: SIGTERM lets the running job finish, a second one gives it back") {
  WorkCli cli;
  for (const bool twice : {false, true}) {
    CAPTURE(twice);
    cli.queue("add", {R"({"job_id":1,"job_type":"x","payload":"y"})"});
    int pid = 0;
    cli.runner().observe([&](int started, const Command&) { pid = started; });
    const auto worker = cli.start(
        QueueCli::words("work", {"--", "sh", "-c", "echo begin >>\"$0\"; sleep 2; echo end >>\"$0\"", cli.log()}));
    cli.runner().observe({});
    Process* const waited = worker.get();
    const TimePoint until = cli.runner().now() + 30s;
    while (!has(cli.file("log"), "begin") && cli.runner().now() < until)
      cli.runner().wait({}, cli.runner().now() + 20ms);
    REQUIRE(::kill(pid, SIGTERM) == 0);
    while (!has(worker->err(), "takes no more jobs") && cli.runner().now() < until)
      cli.runner().wait({&waited, 1}, until);
    if (twice) {
      cli.runner().wait({}, cli.runner().now() + 100ms);  // sooner it would count as the same signal
      REQUIRE(::kill(pid, SIGTERM) == 0);
    }
    while (!worker->finished() && cli.runner().now() < until) cli.runner().wait({&waited, 1}, until);
    INFO(worker->err());
    CHECK(worker->status() == (twice ? 143 : 0));
    CHECK(has(cli.file("log"), "end") == !twice);
    CHECK(cli.pending() == (twice ? 1 : 0));
    remove_tree(cli.log());
  }
  // what was given back is claimed at once, however long --claim-after is
  CHECK(cli.work({"--claim-after", "1h"}, {"true"}).at("done") == 1);
  CHECK(cli.pending() == 0);
}

TEST_CASE("queue work: kill -9 of worker, command and Redis: every job is done at least once") {
  WorkCli cli;
  constexpr int jobs = 400;
  const auto redis = cli.redis();
  redis->command({"CONFIG", "SET", "appendfsync", "always"});
  cli.queue("add", {cli.write("jobs.jsonl", job_lines(jobs))});
  std::mt19937 random(12);
  const TimePoint until = cli.runner().now() + 120s;
  int rounds = 0;
  const auto left = [&] {
    const json group = cli.object("stats").at("queues").at(0).at("groups").at(0);
    return group.at("waiting").get<int>() + group.at("pending").get<int>();
  };
  while (left() > 0 && cli.runner().now() < until) {
    int pid = 0;
    cli.runner().observe([&](int started, const Command&) { pid = started; });
    const auto worker = cli.start(QueueCli::words(
        "work", {"--concurrency", "4", "--claim-after", "300ms", "--max-deliveries", "1000", "--backoff", "10ms", "--",
                 "sh", "-c", "echo $JOB_ID >>\"$0\"; [ $(($$ % 9)) = 0 ] && kill -9 $$; true", cli.log()}));
    cli.runner().observe({});
    Process* const waited = worker.get();
    cli.runner().wait({}, cli.runner().now() + Duration(std::uniform_int_distribution<int>(200, 900)(random)));
    if (rounds++ % 4 == 3) {
      const int server = json::parse(cli({"status", "redis", "--target", "local", "-o", "json"}).out).at("pid");
      REQUIRE(::kill(server, SIGKILL) == 0);
      REQUIRE(cli({"setup", "redis", "--target", "local"}).status == 0);
      cli.redis()->command({"CONFIG", "SET", "appendfsync", "always"});
    }
    ::kill(pid, SIGKILL);
    while (!worker->finished()) cli.runner().wait({&waited, 1}, until);
  }
  CHECK(left() == 0);
  const std::multiset<std::string> done = lines_of(cli.file("log"));
  const std::set<std::string> once(done.begin(), done.end());
  CHECK(once.size() == jobs);
  MESSAGE(rounds << " rounds; of " << jobs << " jobs " << done.size() - once.size() << " runs were repeated");
}
