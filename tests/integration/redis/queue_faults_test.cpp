// What goes wrong with Redis while the commands `queue …` run: nothing is lost, nothing is doubled, and the message
// says what it is and what to do.
#include <doctest/doctest.h>

#include <signal.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <functional>

#include "base/strings.hpp"
#include "support/queue_cli.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"

namespace raibid::queue_faults_test {

using namespace raibid::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr int before = 20;  ///< jobs added before the fault
constexpr int during = 30;  ///< jobs that someone tries to add meanwhile

struct Fault {
  std::function<void()> begin, end;
  std::string word;  ///< of every message about it
  std::string hint;  ///< of what to do
  bool stats_answer = true;
};

class FaultCli : public QueueCli {
 public:
  FaultCli() : m_redis(redis()) {
    REQUIRE(queue("add", {write("before.jsonl", job_lines(before))}).status == 0);
    std::string more;
    for (int job = before + 1; job <= before + during; ++job) more += job_line(job);
    write("during.jsonl", more);
  }

  void order(const std::vector<std::string>& command) {
    const RedisReply reply = m_redis->command(command);
    INFO(reply.text);
    REQUIRE_FALSE(reply.is_error());
  }
  std::string answer(const std::vector<std::string>& command) { return m_redis->command(command).text; }
  int server() {
    return json::parse(shell("\"$RAIBID_CLI\" status redis --target local -o json").out).at("pid").get<int>();
  }
  std::string file(const std::string& name) { return read_file(folder() / name, 1u << 20).value_or(""); }
  std::vector<std::string> done() {
    std::vector<std::string> lines = split(file("log"), '\n');
    std::erase(lines, "");
    return lines;
  }
  bool eventually(const std::function<bool()>& is, Process& process) {
    Process* const waited = &process;
    const TimePoint until = runner().now() + 60s;
    while (!is() && runner().now() < until) {
      if (process.finished()) {
        runner().wait({}, runner().now() + 20ms);
      } else {
        runner().wait({&waited, 1}, runner().now() + 20ms);
      }
    }
    return is();
  }

  /// A worker that stands in the middle of its first job when the fault begins.
  void meets(const Fault& fault) {
    const std::string gate = (folder() / "gate").string();
    const auto tail = start(words("tail", {"-f", "--limit", "0"}));
    REQUIRE(eventually([&] { return has(answer({"CLIENT", "LIST"}), " cmd=xread "); }, *tail));
    const auto worker = start(words("work", {"--until-empty", "--claim-after", "1h", "--", "sh", "-c",
                                             "echo $JOB_ID >>\"$0\"; while ! [ -e \"$1\" ]; do sleep 0.02; done",
                                             (folder() / "log").string(), gate}));
    REQUIRE(eventually([&] { return done().size() == 1; }, *worker));
    fault.begin();

    const Output added = queue("add", {(folder() / "during.jsonl").string()});
    INFO(said(added));
    CHECK(added.status == 1);
    CHECK(has(added.err, fault.word));
    CHECK(has(added.err, fault.hint));
    const Output one = queue("add", {"--field", "job_id=x", "--field", "job_type=x", "--field", "payload=x"});
    INFO(said(one));
    CHECK(one.status == 1);
    CHECK(has(one.err, fault.word));
    const Output stats = queue("stats");
    INFO(said(stats));
    CHECK(stats.status == (fault.stats_answer ? 0 : 1));
    if (!fault.stats_answer) CHECK(has(stats.err, fault.word));

    write_atomic(gate, "");  // its job is done now, and cannot be acknowledged
    const bool complains = eventually([&] { return has(worker->err(), fault.word); }, *worker);
    CHECK(complains);
    CHECK(has(worker->err(), fault.hint));
    CHECK_FALSE(worker->finished());

    fault.end();
    const Output rest = queue("add", {"--resume", (folder() / "during.jsonl").string()});
    INFO(said(rest));
    CHECK(rest.status == 0);
    CHECK(has(rest.out, fmt::format("Added {} jobs", during)));
    CHECK(eventually([&] { return worker->finished(); }, *worker));
    INFO(worker->err());
    CHECK(worker->status() == 0);
    // what came after the worker saw an empty queue
    REQUIRE(queue("work", {"--until-empty", "--claim-after", "1h", "--", "sh", "-c", "echo $JOB_ID >>\"$0\"",
                           (folder() / "log").string()})
                .status == 0);
    std::vector<std::string> all = done();
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return std::stoi(a) < std::stoi(b); });
    std::vector<std::string> once;
    for (int job = 1; job <= before + during; ++job) once.push_back(std::to_string(job));
    CHECK(all == once);
    CHECK(length() == before + during);
    const auto printed = [&] {
      std::vector<std::string> lines = split(tail->out(), '\n');
      std::erase(lines, "");
      return lines;
    };
    CHECK(eventually([&] { return printed().size() >= during; }, *tail));
    INFO(tail->err());
    REQUIRE(printed().size() == during);
    for (int at = 0; at < during; ++at)
      CHECK(has(printed()[static_cast<std::size_t>(at)], fmt::format("job_id={} ", before + 1 + at)));
  }

 private:
  std::unique_ptr<RedisConnection> m_redis;
};

}  // namespace

TEST_CASE("queue, READONLY: Redis became a replica for a while") {
  FaultCli cli;
  // of a master that is not there: it keeps its data
  cli.meets({[&] {
               cli.order({"REPLICAOF", "127.0.0.1", "1"});
             },
             [&] {
               cli.order({"REPLICAOF", "NO", "ONE"});
             },
             "READONLY", "is a replica"});
}

TEST_CASE("queue, MISCONF: Redis cannot write its snapshot and refuses all writes") {
  FaultCli cli;
  cli.order({"CONFIG", "SET", "save", "3600 1000000"});
  const RedisReply folder = cli.redis()->command({"CONFIG", "GET", "dir"});
  const std::string name = folder.items.at(1).text + "/dump.rdb";
  const auto save = [&](const std::string& status) {
    const TimePoint until = cli.runner().now() + 30s;
    cli.order({"BGSAVE"});
    while (!has(cli.answer({"INFO", "persistence"}), "rdb_last_bgsave_status:" + status) && cli.runner().now() < until)
      cli.runner().wait({}, cli.runner().now() + 20ms);
    REQUIRE(has(cli.answer({"INFO", "persistence"}), "rdb_last_bgsave_status:" + status));
  };
  cli.meets({[&] {
               // a folder where the snapshot should go: its last step, the rename, fails
               must({"mkdir", "-p", name + "/in-the-way"});
               save("err");
             },
             [&] {
               remove_tree(name);
               save("ok");
             },
             "MISCONF", "volume full"});
}

TEST_CASE("queue, WRONGPASS: the password was changed, and comes back") {
  FaultCli cli;
  const std::string password =
      json::parse(tree(cli.home()).at("redis-credentials.json")).at("password").get<std::string>();
  cli.meets({[&] {
               cli.order({"ACL", "SETUSER", "default", "resetpass", ">another-password"});
               cli.order({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
             },
             [&] {
               cli.order({"ACL", "SETUSER", "default", "resetpass", ">" + password});
             },
             "refuses the password", "changed there", false});
}

TEST_CASE("queue, NOGROUP: after FLUSHALL the worker says so, and goes on when setup has made the group again") {
  FaultCli cli;
  const auto worker = cli.start(QueueCli::words(
      "work", {"--consumer", "w", "--", "sh", "-c", "echo $JOB_ID >>\"$0\"", (cli.folder() / "log").string()}));
  REQUIRE(cli.eventually([&] { return cli.done().size() == before; }, *worker));
  cli.order({"FLUSHALL"});
  CHECK(cli.eventually([&] { return has(worker->err(), "NOGROUP"); }, *worker));
  CHECK(has(worker->err(), "setup creates both again"));
  CHECK_FALSE(worker->finished());
  const Output stats = cli.queue("stats");
  INFO(said(stats));
  CHECK(stats.status == 0);
  CHECK(has(stats.out, "not there"));
  CHECK(cli.queue("add", {(cli.folder() / "during.jsonl").string()}).status == 0);
  CHECK(has(cli.queue("stats").out, "no group"));
  REQUIRE(cli({"setup", "redis", "--target", "local"}).status == 0);
  CHECK(cli.eventually([&] { return cli.done().size() == before + during; }, *worker));
  CHECK(cli.length() == during);
}

TEST_CASE("queue, LOADING: Redis was killed and reads a long AOF") {
  FaultCli cli;
  // Reads its AOF slowly, and looks at its clients after each 1024 commands.
  const RedisReply where = cli.redis()->command({"INFO", "server"});
  const std::string config_file = parse_info(where.text).at("config_file");
  cli.order({"CONFIG", "SET", "appendfsync", "always"});
  cli.order({"EVAL", "for i = 1, 150000 do redis.call('SET', 'fill', i) end return 'OK'", "0"});
  const int server = cli.server();
  FaultCli* const it = &cli;
  cli.meets({[&, it] {
               end_process(server, SIGKILL);
               REQUIRE(attempt({"redis-server", config_file, "--key-load-delay", "100"}).status == 0);
               const TimePoint until = it->runner().now() + 30s;
               while (!has(it->queue("stats").err, "LOADING") && it->runner().now() < until)
                 it->runner().wait({}, it->runner().now() + 20ms);
               REQUIRE(it->runner().now() < until);
             },
             [&, it] {
               const TimePoint until = it->runner().now() + 60s;
               while (it->queue("stats").status != 0 && it->runner().now() < until)
                 it->runner().wait({}, it->runner().now() + 100ms);
             },
             "LOADING", "try again in a while", false});
}

TEST_CASE("status is not healthy, with the reason, when a limit of the preset's stream is passed") {
  Cli cli;
  const std::string preset = (cli.folder() / "mine.yaml").string();
  write_atomic(
      preset,
      "name: mine\ndescription: limits\nsettings:\n  namespace: mine\n  release: mine-redis\nstreams:\n"
      "  - name: mine:jobs\n    groups: [workers]\n    max-lag: 2\n    max-pending-age: 1ms\n    max-dead: 0\n");
  REQUIRE(cli({"setup", "redis", "--target", "local", "--preset", preset}).status == 0);
  const auto status = [&] { return cli({"status", "redis", "--target", "local", "--preset", preset, "-o", "json"}); };
  const Output before = status();
  INFO(said(before));
  CHECK(before.status == 0);
  CHECK(json::parse(before.out).at("passed_limits").empty());
  write_atomic(cli.folder() / "jobs.jsonl", job_lines(3));
  const std::vector<std::string> where = {"--target", "local", "--preset", preset};
  const auto with = [&](std::vector<std::string> words) {
    words.insert(words.begin() + 1, where.begin(), where.end());
    words.insert(words.begin(), "queue");
    return cli(words);
  };
  REQUIRE(with({"add", (cli.folder() / "jobs.jsonl").string()}).status == 0);
  const Output behind = status();
  INFO(said(behind));
  CHECK(behind.status == 1);
  CHECK(json::parse(behind.out).at("healthy") == false);
  CHECK(json::parse(behind.out).at("passed_limits") ==
        json{"mine:jobs, group workers: 3 jobs are waiting, more than 2"});
  // the first fails and is dead, the others are done
  const Output worked = with({"work", "--until-empty", "--max-deliveries", "1", "--", "sh", "-c", "test $JOB_ID != 1"});
  INFO(said(worked));
  REQUIRE(worked.status == 0);
  const Output dead = status();
  INFO(said(dead));
  CHECK(dead.status == 1);
  CHECK(json::parse(dead.out).at("passed_limits") == json{"mine:jobs: 1 dead letters, more than 0"});
  REQUIRE(with({"dead", "drop", "--all", "--yes"}).status == 0);
  CHECK(status().status == 0);
  cli({"teardown", "redis", "--target", "local", "--preset", preset, "--yes", "--delete-data"});
}

}  // namespace raibid::queue_faults_test
