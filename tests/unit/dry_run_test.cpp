#include <doctest/doctest.h>

#include "base/change_guard.hpp"
#include "base/strings.hpp"
#include "cli/cli.hpp"
#include "cli/command_table.hpp"
#include "components/component.hpp"
#include "components/registry.hpp"
#include "fakes/fake_cluster.hpp"
#include "fakes/fake_redis.hpp"
#include "fakes/fake_runner.hpp"
#include "plan/journal.hpp"
#include "support/json_schema.hpp"
#include "sys/locked_log.hpp"
#include "sys/random.hpp"
#include "sys/reading_runner.hpp"
#include "sys/signals.hpp"
#include "tools/helm.hpp"
#include "tools/reading_redis.hpp"

#include <fmt/format.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

/// A dry run changes nothing: every command of the table with --dry-run, on a cluster, a Redis and a machine that fail
/// the test at anything that changes them. They judge by what was asked, not by what our code says of it.

using namespace raibid;
using nlohmann::json;

namespace {

using Words = std::vector<std::string>;

/// What only reads, as kubectl, helm and the others have it.
bool child_reads(const Command& command) {
  const std::string& program = command.argv.front();
  if (program == "redis-server") return command.argv == Words{"redis-server", "--version"};
  if (program.ends_with("haproxy")) return command.argv == Words{program, "-v"};
  if (program == "kubeseal") return true;  // encrypts what it is given
  std::string verb;
  for (std::size_t i = 1; i < command.argv.size() && verb.empty(); ++i) {
    const std::string& word = command.argv[i];
    if (word == "--kubeconfig" || word == "--context" || word == "--kube-context" || word == "-n") {
      ++i;
    } else if (!word.starts_with("-")) {
      verb = word;
    }
  }
  static const std::map<std::string, std::set<std::string>> reading = {
      {"kubectl", {"config", "version", "get", "logs", "api-resources", "port-forward"}},
      {"helm", {"version", "template", "show", "get"}}};
  if (program == "kubectl" && verb == "create") {
    const json list = json::parse(command.input);
    const json& items = list.at("items");
    return std::all_of(items.begin(), items.end(), [](const json& item) {
      return item.at("kind") == "SelfSubjectAccessReview" || item.at("kind") == "SelfSubjectRulesReview";
    });
  }
  const auto program_reads = reading.find(program);
  return program_reads != reading.end() && program_reads->second.contains(verb);
}

/// A child that has ended already.
class Ended final : public Process {
 public:
  explicit Ended(std::string text) : m_out(std::move(text)) {}
  bool finished() const override { return true; }
  int status() const override { return 0; }
  std::string& out() override { return m_out; }
  std::string& err() override { return m_err; }
  void feed(std::string) override {}
  void end() override {}

 private:
  std::string m_out, m_err;
};

/// The cluster's runner, which fails the test when something is started that changes anything.
class WatchedRunner final : public Runner {
 public:
  explicit WatchedRunner(FakeCluster& cluster) : m_cluster(cluster) {}
  std::unique_ptr<Process> start(const Command& command) override {
    CHECK_MESSAGE(child_reads(command), "started: " << shell_join(command.argv));
    if (command.argv.front() == "redis-server") return std::make_unique<Ended>("Redis server v=7.0.15 sha=0\n");
    if (command.argv.front() == "haproxy") return std::make_unique<Ended>("HAProxy version 2.6.12 2023/12/16\n");
    if (command.argv.front() == "kubeseal") return std::make_unique<Ended>("kind: SealedSecret\n");
    const auto has = [&](const char* word) {
      return std::find(command.argv.begin(), command.argv.end(), word) != command.argv.end();
    };
    if (command.argv.front() == "helm" && has("template")) return std::make_unique<Ended>("# manifests\n");
    return m_cluster.start(command);
  }
  bool wait(std::span<Process* const> processes, TimePoint until) override {
    std::vector<Process*> cluster_s;
    for (Process* process : processes) {
      if (process != nullptr && !process->finished()) cluster_s.push_back(process);
    }
    return m_cluster.wait(cluster_s, until);
  }
  TimePoint now() const override { return m_cluster.now(); }

 private:
  FakeCluster& m_cluster;
};

/// A healthy Redis that fails the test at every command that is not known to read.
RedisReply answer(const std::string& line) {
  static const std::set<std::string> reading = {"AUTH",   "PING",    "INFO",   "TYPE",      "GET",      "TTL",
                                                "LLEN",   "XLEN",    "XINFO",  "XRANGE",    "XPENDING", "SCARD",
                                                "ZCARD",  "SCAN",    "HMGET",  "XREVRANGE", "EVAL_RO",  "EVALSHA_RO",
                                                "EXISTS", "HGETALL", "SELECT", "ROLE",      "PTTL",     "PEXPIRETIME"};
  const Words words = split(line, ' ');
  const bool config = words[0] == "CONFIG" && words.size() > 1 && words[1] == "GET";
  const bool memory = words[0] == "MEMORY" && words.size() > 1 && words[1] == "USAGE";
  const bool script = words[0] == "SCRIPT" && words.size() > 1 && words[1] == "LOAD";  // runs nothing
  const bool users = words[0] == "ACL" && words.size() > 1 && (words[1] == "LIST" || words[1] == "WHOAMI");
  const bool slow = words[0] == "SLOWLOG" && words.size() > 1 && words[1] == "GET";
  const bool clients = words[0] == "CLIENT" && words.size() > 1 && words[1] == "LIST";
  CHECK_MESSAGE((config || slow || memory || script || users || clients || reading.contains(words[0])),
                "sent to Redis: " << line);
  if (words[0] == "AUTH" || words[0] == "SELECT") return FakeRedis::status("OK");
  if (words[0] == "PING") return FakeRedis::status("PONG");
  if (words[0] == "INFO") return FakeRedis::text("redis_version:7.0.15\r\nrole:master\r\nrun_id:abc\r\n");
  if (users) return FakeRedis::list({});
  if (config) {
    const std::string value = words[2] == "appendonly" ? "yes" : words[2] == "appendfsync" ? "everysec" : "";
    return FakeRedis::list({FakeRedis::text(words[2]), FakeRedis::text(value)});
  }
  return FakeRedis::error("ERR this Redis is a fake");
}

/// Everything of a folder that a change would show in: kind, rights, time of the last change, and content.
std::map<std::string, std::string> everything_in(const fs::path& folder) {
  std::map<std::string, std::string> seen;
  const auto add = [&](const fs::path& path) {
    const fs::file_status status = fs::symlink_status(path);
    seen[path.string()] =
        fmt::format("{} {} {} {}", static_cast<int>(status.type()), static_cast<unsigned>(status.permissions()),
                    fs::last_write_time(path).time_since_epoch().count(),
                    fs::is_regular_file(status) ? read_file(path).value_or("") : "");
  };
  add(folder);
  for (const auto& entry : fs::recursive_directory_iterator(folder)) add(entry.path());
  return seen;
}

const JournalHeader killed = {"setup redis", "the test's", 4711, "box", "2026-01-31T09:08:07Z"};

/// A process that stands for the Redis of this machine.
class StandIn {
 public:
  explicit StandIn(const fs::path& folder) : m_pid(::fork()) {
    if (m_pid == 0) {
      if (::chdir(folder.c_str()) != 0) ::_exit(1);
      for (;;) ::pause();
    }
    std::error_code none;
    while (fs::read_symlink(fmt::format("/proc/{}/cwd", m_pid), none) != fs::canonical(folder)) ::usleep(1000);
  }
  ~StandIn() {
    ::kill(m_pid, SIGKILL);
    ::waitpid(m_pid, nullptr, 0);
  }
  bool runs() const { return ::waitpid(m_pid, nullptr, WNOHANG) == 0; }
  int pid() const { return m_pid; }

 private:
  pid_t m_pid;
};

/// A cluster, a home and a machine, with nothing in them or with a Redis of each target.
class World {
 public:
  World() : m_files(fs::temp_directory_path()), m_outside(fs::temp_directory_path()) {
    fs::create_directories(home());
    fs::create_directories(temporary());
    write_atomic(folder() / "backup.rdb", "REDIS0010 of nobody");
    FakeCluster(state(), m_signals).save();
  }

  fs::path home() const { return m_files.path() / "home"; }
  fs::path state() const { return m_outside.path() / "state.json"; }
  /// Where a chart may be rendered: outside what is compared, for its own time changes, and empty afterwards.
  fs::path temporary() const { return m_outside.path() / "tmp"; }
  fs::path data() const { return home() / "local/raibid-redis/data"; }

  /// As setup does it, on the cluster.
  void install_on_cluster() {
    FakeCluster cluster(state(), m_signals);
    REQUIRE_MESSAGE(run_on(cluster, cluster, {"setup", "redis"}) == 0, err);
  }
  /// As setup leaves it, on this machine.
  void install_on_machine() {
    fs::create_directories(data());
    const fs::path folder = data().parent_path();  // port 1: a Redis of this machine at 6379 must not matter
    write_atomic(folder / "redis.conf", "port 1\n");
    write_atomic(folder / "users.acl", "user default on\n");
    write_atomic(folder / "password", "not-a-secret-of-anybody\n");
    write_atomic(folder / "state.json", R"({"port": 1, "namespace": "raibid-redis", "spec": {}})");
    write_atomic(data() / "redis.sock", "");  // the fake Redis answers at any address
    m_server = std::make_unique<StandIn>(data());
    write_atomic(folder / "redis.pid", fmt::format("{}\n", m_server->pid()));
  }
  /// As a tool does it that keeps the StatefulSet.
  void mark_workload(const std::string& where, const std::string& key, const std::string& value) {
    FakeCluster cluster(state(), m_signals);
    for (auto& [name, object] : cluster.state()["objects"].items()) {
      if (name.starts_with("statefulset/")) object["metadata"][where][key] = value;
    }
    cluster.save();
  }
  /// What a kill -9 in the middle of a setup leaves, for both targets.
  void leave_journals() {
    const ChangeGuard guard(false);
    const std::string uid = kube_system();
    for (const std::string& key :
         {uid + "-raibid-redis-raibid-redis", std::string("local-raibid-redis-raibid-redis")}) {
      Journal journal = Journal::open(guard, home() / "journal", key, killed);
      journal.record({"file.remove", {{"path", home() / "redis-credentials.json"}}, "rm credentials"});
      journal.record({"file.remove", {{"path", home() / "local"}}, "rm local"});
    }
  }

  /// Runs a command line that must change nothing; its exit code.
  int look(const Words& words) {
    const std::string what = join(words, " ");
    INFO("raibid-cli ", what);
    const auto files_before = everything_in(m_files.path());
    int code = 0;
    {
      FakeCluster cluster(state(), m_signals);
      const json before = cluster.state();
      WatchedRunner runner(cluster);
      FakeRedis redis(answer);
      code = run_on(cluster, runner, redis, words);
      INFO(err);
      INFO(out);
      CHECK(cluster.alive() == 0);
      CHECK_MESSAGE(cluster.state() == before, "the cluster changed");
      CHECK_MESSAGE(err.find("this is a mistake in raibid-cli") == std::string::npos, err);
    }
    CHECK_MESSAGE(everything_in(m_files.path()) == files_before, "files changed");
    CHECK_MESSAGE(fs::is_empty(temporary()), "a temporary file stayed");
    if (m_server) CHECK_MESSAGE(m_server->runs(), "the server was ended");
    return code;
  }

  std::string out, err;
  fs::path folder() const { return m_files.path(); }

 private:
  std::string kube_system() {
    return FakeCluster(state(), m_signals).state()["objects"]["namespace/kube-system"]["metadata"]["uid"];
  }
  int run_on(FakeCluster& cluster, Runner& runner, const Words& words) {
    return run_on(cluster, runner, cluster, words);
  }
  int run_on(FakeCluster& cluster, Runner& runner, RedisConnector& redis, const Words& words) {
    SystemRandom random;
    std::ostringstream results, messages;
    const CliDependencies dependencies{
        results, messages,        Terminal{}, {{"HOME", folder()}, {"RAIBID_HOME", home()}, {"TMPDIR", temporary()}},
        runner,  cluster.clock(), random,     m_signals,
        redis};
    const int code = run_cli(words, dependencies, components());
    out = results.str();
    err = messages.str();
    return code;
  }

  Signals m_signals;
  TemporaryDirectory m_files, m_outside;
  std::unique_ptr<StandIn> m_server;
};

/// What a row needs behind its name.
Words words_for(const CommandRow& row, const World& world) {
  const std::map<std::string, Words> known = {
      {"presets show", {"raibid"}},
      {"config set", {"namespace", "jobs"}},
      {"config unset", {"namespace"}},
      {"queue add", {"--field", "job_id=1", "--field", "job_type=test", "--field", "payload=x"}},
      {"export external-secret", {"--for-app", "--store", "vault", "--key", "redis"}},
      {"export push-secret", {"--store", "vault", "--key", "redis"}},
      {"export secret-provider-class", {"--provider", "gcp", "--key", "redis"}},
      {"export argocd-application", {"--repo", "https://git.example.com/infra.git"}},
      {"export kustomize", {(world.folder() / "kustomize").string()}},
      {"bundle redis", {(world.folder() / "bundle.tar.gz").string()}},
      {"support redis", {(world.folder() / "support.tar.gz").string()}},
      {"backup redis", {(world.folder() / "backups").string()}},
      {"backup ls", {world.folder().string()}},
      {"backup verify", {(world.folder() / "backup.rdb").string()}},
      {"backup drill", {world.folder().string()}},
      {"backup prune", {world.folder().string(), "--keep", "1"}},
      {"restore redis", {(world.folder() / "backup.rdb").string()}},
      {"queue show", {"1-1"}},
      {"queue grep", {"text"}},
      {"queue import", {"/dev/null"}},
      {"queue claim", {"1-1", "--consumer", "worker"}},
      {"queue retry", {"1-1"}},
      {"queue rm", {"1-1"}},
      {"queue top", {"--looks", "1"}},
  };
  if (row.name() == "man-pages") return {(world.folder() / "man").string()};
  if (row.name() == "presets new") return {(world.folder() / "new.yaml").string()};
  const auto found = known.find(row.name());
  return found == known.end() ? Words{} : found->second;
}

/// Every command line that is tried for a row: alone, with each of its flags, and with a command behind "--".
std::vector<Words> command_lines(const CommandRow& row, const World& world) {
  Words base = {row.verb};
  if (!row.object.empty()) base.push_back(row.object);
  for (const std::string& word : words_for(row, world)) base.push_back(word);
  std::vector<Words> all = {base};
  for (const OptionSpec& option : row.options) {
    if (option.kind != OptionKind::flag || option.name == "watch") continue;  // that one goes on until Ctrl-C
    all.push_back(base);
    all.back().push_back("--" + std::string(option.name));
  }
  if (row.object_optional) all.push_back({row.verb});
  for (Words& words : all) words.insert(words.end(), {"--dry-run"});
  if (row.takes_command()) {
    all.push_back(base);
    all.back().insert(all.back().end(), {"--dry-run", "--", "redis-cli", "FLUSHALL"});
  }
  return all;
}

/// These judge, and say so by their exit code; the fake Redis knows no streams to tell of.
bool judges(const CommandRow& row) {
  const bool has_no_file = row.name() == "credentials show";  // of the Redis of this machine
  const bool has_no_tls =
      row.name() == "tls rotate" || row.name() == "export client-certificate";  // that Redis speaks none
  if (row.verb == "failover") return true;                                      // that Redis has no replicas
  if (row.verb == "rollback" || row.verb == "upgrade") return true;             // nor an earlier revision
  const bool has_no_claim = row.name() == "restore redis";                      // nor has an external Redis files
  return has_no_claim || row.verb == "status" || row.verb == "doctor" || row.verb == "queue" || has_no_file ||
         has_no_tls;
}

/// Of a Secret in a cluster, which the other targets have not (2), and one for which nothing was set up here (3).
bool is_of_a_store(const CommandRow& row) {
  return row.name() == "export push-secret" || row.name() == "credentials sync";
}

void try_all(World& world, bool installed) {
  const CommandTable table(components());
  for (const CommandRow& row : table.rows()) {
    for (const Words& words : command_lines(row, world)) {
      for (const std::string target : {"kubernetes", "local", "external"}) {
        for (const bool yes : {false, true}) {
          Words line = words;
          const auto mark = std::find(line.begin(), line.end(), "--dry-run");
          Words more = {"--target", target};
          if (target == "external") more.insert(more.end(), {"--url", "redis://someone@127.0.0.1:1/2"});
          if (yes) more.emplace_back("--yes");
          line.insert(mark, more.begin(), more.end());
          const int code = world.look(line);
          const bool plain = words == command_lines(row, world).front();
          const bool of_cluster = row.name() == "export helm-release" || row.name() == "export kustomize" ||
                                  row.name() == "export argocd-application";
          if (of_cluster && target != "kubernetes") continue;
          const bool of_exporter = row.name() == "export alerts" || row.name() == "export dashboard" ||
                                   row.name() == "export servicemonitor" || row.name() == "export scrape-config";
          if (of_exporter && target != "kubernetes") continue;  // only a cluster has an exporter
          INFO(join(line, " "), ": ", world.err);
          if (is_of_a_store(row)) {
            const bool sync = row.name() == "credentials sync";
            const bool looked_for = target == "kubernetes" || (target == "local" && sync);
            const int expected = looked_for && !installed ? 6 : target != "kubernetes" ? 2 : sync ? 3 : 0;
            if (plain) CHECK(code == expected);
            continue;
          }
          if (plain && installed && target != "external" && !judges(row)) CHECK(code == 0);
          CHECK(world.err.find("must change nothing") == std::string::npos);
          const bool lacks_command = row.name() == "queue work";  // it is tried with one behind "--"
          // of a server that is not ours there is nothing to write down
          const bool of_ours = target == "external" && (row.name() == "export compose" ||
                                                        row.name() == "export values" || row.name() == "logs redis");
          if (plain && !lacks_command && !of_ours)
            CHECK(code != 2);  // a new command that takes words: name them in words_for
        }
      }
    }
  }
}

}  // namespace

TEST_SUITE("dry run") {
  TEST_CASE("of every command, where nothing is installed, changes nothing") {
    World world;
    try_all(world, false);
  }

  TEST_CASE("of every command, where a Redis is installed, changes nothing") {
    World world;
    world.install_on_cluster();
    world.install_on_machine();
    try_all(world, true);
  }

  TEST_CASE("of every command, with -o json, is one document") {
    World world;
    world.install_on_cluster();
    world.install_on_machine();
    // files for other programs, another program's words, one job a line, or nothing
    const std::set<std::string> others = {"completion bash", "completion zsh", "completion fish", "man-pages", "help",
                                          "queue tail",      "queue export"};
    const CommandTable table(components());
    for (const CommandRow& row : table.rows()) {
      if (row.verb == "export" || others.contains(row.name())) continue;
      for (const char* target : {"kubernetes", "local"}) {
        Words line = command_lines(row, world).front();
        line.insert(line.end(), {"--target", target, "-o", "json"});
        if (row.name() == "queue work") line.insert(line.end(), {"--", "true"});
        const int code = world.look(line);
        INFO(join(line, " "), ": ", code, " ", world.out);
        const json result = json::parse(world.out, nullptr, false);
        CHECK_FALSE(result.is_discarded());
        if (result.is_object() && result.contains("ok")) CHECK(result.at("code") == code);
      }
    }
  }

  TEST_CASE("of every command, after a run that was killed, changes nothing and recovers nothing") {
    World world;
    world.install_on_cluster();
    world.install_on_machine();
    world.leave_journals();
    try_all(world, true);
  }

  TEST_CASE("of every command, without a home, makes none") {
    World world;
    fs::remove_all(world.home());
    try_all(world, false);
  }

  TEST_CASE("of setup, as data: steps, restarts, objects and values, without a secret") {
    World world;
    world.install_on_machine();
    CHECK(world.look({"setup", "redis", "--target", "local", "--dry-run", "-o", "json"}) == 0);
    const json local = json::parse(world.out);
    CHECK(local.at("dry_run") == true);
    CHECK(local.at("steps").size() > 3);
    CHECK(local.at("restarts").is_array());
    CHECK(local.at("redis_conf").get<std::string>().find("appendonly yes") != std::string::npos);
    CHECK(world.look({"setup", "redis", "--dry-run", "-o", "json"}) == 0);
    const json plan = json::parse(world.out);
    CHECK(plan.at("target") == "kubernetes");
    CHECK(plan.at("values").contains("architecture"));
    const json& objects = plan.at("objects");
    CHECK(std::any_of(objects.begin(), objects.end(), [](const json& one) { return one.at("kind") == "Secret"; }));
    for (const json& step : plan.at("steps")) CHECK(step.at("text").is_string());
  }

  TEST_CASE("setup leaves a release that a GitOps tool keeps alone, with the tool's name, whatever it is told") {
    const std::vector<std::tuple<const char*, const char*, const char*, const char*>> tools = {
        {"labels", "helm.toolkit.fluxcd.io/name", "jobs", "Flux (HelmRelease /jobs)"},
        {"labels", "kustomize.toolkit.fluxcd.io/name", "jobs", "Flux (Kustomization /jobs)"},
        {"labels", "argocd.argoproj.io/instance", "jobs", "Argo CD (Application jobs)"},
        {"annotations", "argocd.argoproj.io/tracking-id", "jobs:apps/StatefulSet:a/b", "Argo CD (Application jobs)"}};
    for (const auto& [where, key, value, owner] : tools) {
      CAPTURE(owner);
      World world;
      world.install_on_cluster();
      world.mark_workload(where, key, value);
      for (const Words& more : {Words{}, Words{"--adopt"}, Words{"--diff"}}) {
        Words words = {"setup", "redis", "--dry-run"};
        words.insert(words.end(), more.begin(), more.end());
        CHECK(world.look(words) == 3);
        CHECK_MESSAGE(world.err.find(fmt::format("is kept by {}, and is left alone", owner)) != std::string::npos,
                      world.err);
      }
      CHECK(world.look({"status", "redis", "--dry-run"}) != 3);
    }
  }

  TEST_CASE("history names who made each revision, by Helm's record") {
    World world;
    world.install_on_cluster();
    CHECK(world.look({"history", "redis", "--dry-run", "-o", "json"}) == 0);
    const json all = json::parse(world.out);
    REQUIRE(all.size() == 1);
    CHECK(test::schema_problem("history", all) == "");
    CHECK(all[0].at("current") == true);
    CHECK(all[0].at("operation") == "setup redis");
    CHECK(world.look({"rollback", "redis", "--dry-run"}) == 3);
    CHECK(world.err.find("no revision before the present one") != std::string::npos);
    CHECK(world.look({"upgrade", "redis", "--dry-run"}) == 0);
    CHECK(world.err.find("back up first: raibid-cli backup redis") != std::string::npos);
  }

  TEST_CASE("of setup --diff: it is one without --dry-run, and says what would change") {
    World world;
    world.install_on_machine();
    const Words diff = {"setup", "redis", "--target", "local", "--diff"};
    CHECK(world.look(diff) == 0);
    CHECK(world.out.find("redis.conf") != std::string::npos);
    Words tells = diff;
    tells.emplace_back("--exit-code");
    CHECK(world.look(tells) == 10);
    tells.insert(tells.end(), {"-o", "json", "--memory-limit", "700Mi"});
    CHECK(world.look(tells) == 10);
    CHECK(test::schema_problem("setup", json::parse(world.out)) == "");
    CHECK(world.look({"setup", "redis", "--target", "local", "--exit-code"}) == 10);
    CHECK(world.look({"setup", "redis", "--target", "external", "--url", "redis://h:1", "--diff"}) == 3);
    CHECK(world.look({"setup", "redis", "--diff", "-o", "json"}) == 0);
    const json all = json::parse(world.out);
    CHECK(test::schema_problem("setup", all) == "");
    CHECK(all.at("changed") == true);
    CHECK(std::any_of(all.at("objects").begin(), all.at("objects").end(),
                      [](const json& one) { return one.at("kind") == "Secret" && one.at("what") == "created"; }));
  }

  TEST_CASE("each has its schema: status, doctor, setup and teardown, on a cluster and on this machine") {
    World world;
    world.install_on_cluster();
    world.install_on_machine();
    for (const char* target : {"kubernetes", "local"}) {
      CAPTURE(target);
      for (const char* verb : {"status", "doctor", "setup", "teardown"}) {
        CAPTURE(verb);
        Words words = {verb, "redis", "--target", target, "--dry-run", "-o", "json"};
        world.look(words);
        CHECK(test::schema_problem(verb, json::parse(world.out)) == "");
        if (std::string_view(verb) != "teardown") continue;
        const json kept = json::parse(world.out).at("keeps");
        words.emplace_back("--delete-data");
        world.look(words);
        const json all = json::parse(world.out);
        CHECK(test::schema_problem(verb, all) == "");
        CHECK(all.at("removes").size() == all.at("would_remove").size());
        CHECK_FALSE(kept.empty());
        for (const json& one : all.at("removes")) CHECK_FALSE(one.at("name").get<std::string>().empty());
      }
    }
    world.look({"status", "--all", "--dry-run", "-o", "json"});
    CHECK(test::schema_problem("status", json::parse(world.out)) == "");
    world.look({"status", "--all", "--dry-run", "-o", "name"});
    CHECK(world.out == "raibid-redis\nraibid-redis\n");
    CHECK(world.look({"setup", "redis", "--dry-run", "-o", "name"}) == 2);
    CHECK(world.err.find("cannot write name") != std::string::npos);
  }

  TEST_CASE("says what a killed run left, and what would go") {
    World world;
    world.install_on_cluster();
    world.install_on_machine();
    world.leave_journals();
    for (const char* target : {"kubernetes", "local"}) {
      CAPTURE(target);
      for (const char* verb : {"teardown", "setup"}) {
        CHECK(world.look({verb, "redis", "--target", target, "--dry-run"}) == 0);
        const std::size_t newest = world.err.find("- rm local");
        CHECK(newest < world.err.find("- rm credentials"));
        CHECK(world.err.find("setup redis of 2026-01-31T09:08:07Z (pid 4711 on box) was interrupted") !=
              std::string::npos);
      }
      CHECK(world.look({"teardown", "redis", "--target", target, "--dry-run", "-o", "json"}) == 0);
      const json object = json::parse(world.out);
      CHECK(object["would_undo"] == json{"rm local", "rm credentials"});
      CHECK_FALSE(object["would_remove"].empty());
    }
  }

  TEST_CASE("of smoke names the operations and the keys; of --durability what it would kill") {
    World world;
    world.install_on_machine();
    const Words local = {"smoke", "redis", "--target", "local", "--dry-run"};
    CHECK(world.look(local) == 0);
    CHECK(world.out.find("  - stream-queue") != std::string::npos);
    CHECK(world.out.find("raibid-smoke:{ID}:*") != std::string::npos);
    CHECK(world.look({"smoke", "redis", "--target", "local", "--dry-run", "--durability", "--yes"}) == 0);
    CHECK(world.out.find("kill release raibid-redis on this machine (SIGKILL)") != std::string::npos);
    CHECK(world.look({"connect", "redis", "--target", "local", "--dry-run", "--", "redis-cli", "FLUSHALL"}) == 0);
    CHECK(world.out.find("Would run redis-cli FLUSHALL") != std::string::npos);
  }

  TEST_CASE("a teardown that cannot ask changes nothing, not even what a killed run left") {
    for (const bool left : {false, true}) {
      World world;
      world.install_on_cluster();
      world.install_on_machine();
      if (left) world.leave_journals();
      for (const char* target : {"kubernetes", "local"}) {
        CAPTURE(target);
        CHECK(world.look({"teardown", "redis", "--target", target}) == 2);
        CHECK(world.err.find("add --yes") != std::string::npos);
        CHECK(world.look({"teardown", "redis", "--target", target, "--delete-data"}) == 2);
      }
    }
  }
}
