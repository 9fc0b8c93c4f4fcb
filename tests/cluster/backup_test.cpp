// A backup of a release on a real cluster, and back: the claim, a step that fails, and a kill.
#include <doctest/doctest.h>

#include <signal.h>

#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "cluster/support.hpp"
#include "sys/files.hpp"

namespace raibid::backup_cluster_test {

using namespace raibid::test;

namespace {

class Backups : public ClusterCli {
 public:
  explicit Backups(const std::string& name_space = "raibid-test-backup") : ClusterCli(name_space) {}

  Output run(std::vector<std::string> arguments) {
    const auto end = std::find(arguments.begin(), arguments.end(), "--");
    arguments.insert(end, {"-n", name_space()});
    return (*this)(arguments);
  }
  std::string redis(const std::vector<std::string>& words) {
    std::vector<std::string> line = {"connect", "redis", "--", "redis-cli"};
    line.insert(line.end(), words.begin(), words.end());
    return std::string(trim(run(line).out));
  }
  std::string run_kubectl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"-n", name_space()});
    return kubectl(std::move(arguments));
  }
  /// Starts the schedule's job now; what it said.
  std::string take_now(const std::string& job) {
    run_kubectl({"create", "job", "--from=cronjob/raibid-redis-backup", job});
    run_kubectl({"wait", "--for=condition=complete", "job/" + job, "--timeout=120s"});
    return run_kubectl({"logs", "job/" + job});
  }
  nlohmann::json status_data() { return nlohmann::json::parse(run({"status", "redis", "-o", "json"}).out); }
  std::string in_data() {
    return kubectl({"exec", "-n", name_space(), "raibid-redis-master-0", "-c", "redis", "--", "ls", "/data"});
  }
};

int count_of(const std::string& text, const std::string& word) {
  int count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("backup on a cluster: taken, restored; a damaged file and a kill leave the old data") {
  if (!have_cluster()) return;
  Backups cli;
  const Output made = cli.setup();
  INFO(said(made));
  REQUIRE(made.status == 0);
  const std::string folder = (cli.folder() / "backups").string();
  for (int job = 1; job <= 3; ++job) cli.redis({"XADD", "raibid:jobs", "*", "job_id", std::to_string(job)});
  cli.redis({"XREADGROUP", "GROUP", "raibid-workers", "one", "COUNT", "2", "STREAMS", "raibid:jobs", ">"});
  const Output taken = cli.run({"backup", "redis", folder, "-o", "json"});
  INFO(said(taken));
  REQUIRE(taken.status == 0);
  const nlohmann::json backup = nlohmann::json::parse(taken.out);
  CHECK(backup.at("verified") == true);
  const std::string file =
      (cli.folder() / "backups" / fs::path(backup.at("file").get<std::string>()).filename()).string();
  const nlohmann::json manifest = nlohmann::json::parse(*read_file(file.substr(0, file.size() - 4) + ".json", 1 << 20));
  CHECK(manifest.at("cluster_uid") == kubectl({"get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"}));

  cli.redis({"FLUSHALL"});
  cli.redis({"SET", "old", "1"});
  const std::string content = *read_file(file, 1 << 30);
  const std::string damaged = (cli.folder() / "damaged.rdb").string();
  write_atomic(damaged, content.substr(0, content.size() - 12));
  const Output undone = cli.run({"restore", "redis", damaged, "--yes", "--no-copy", "--no-verify"});
  INFO(said(undone));
  CHECK(undone.status == 4);
  CHECK(undone.err.find("does not read this file") != std::string::npos);

  // killed after the rename: setup brings the old data back
  pid_t pid = 0;
  cli.runner().observe([&](int started, const Command&) { pid = started; });
  const auto process = cli.start({"restore", "redis", folder, "--yes", "--no-copy", "-n", cli.name_space()});
  cli.runner().observe({});
  Process* const one = process.get();
  const TimePoint until = cli.runner().now() + std::chrono::minutes(2);
  while (process->err().find("ok: data") == std::string::npos && !process->finished() && cli.runner().now() < until)
    cli.runner().wait({&one, 1}, until);
  REQUIRE(process->err().find("ok: data") != std::string::npos);
  ::kill(pid, SIGKILL);
  finish(cli.runner(), *process, until);
  CHECK(cli.status().out.find("1 interrupted run is not undone") != std::string::npos);
  const Output back = cli.setup();
  INFO(said(back));
  REQUIRE(back.status == 0);
  CHECK(cli.redis({"GET", "old"}) == "1");
  CHECK(trim(cli.in_data()) == "appendonlydir");

  const Output restored = cli.run({"restore", "redis", folder, "--yes"});
  INFO(said(restored));
  REQUIRE(restored.status == 0);
  CHECK(cli.redis({"XLEN", "raibid:jobs"}) == "3");
  CHECK(cli.redis({"EXISTS", "old"}) == "0");
  CHECK(cli.redis({"XPENDING", "raibid:jobs", "raibid-workers"}).starts_with("2"));
  CHECK(trim(cli.in_data()) == "appendonlydir");
  CHECK(kubectl({"get", "pods", "-n", cli.name_space(), "-o", "name"}).find("restore") == std::string::npos);
  CHECK(cli.status().status == 0);
  CHECK(cli.setup().out.find("Nothing changed") != std::string::npos);
  CHECK(tree(cli.home() / "backups").size() == 2);  // what was there before
}

TEST_CASE("backups by a schedule: taken into a claim, counted, pruned, restored, and kept by a teardown") {
  if (!have_cluster()) return;
  Backups cli("raibid-test-backup-plan");
  // named clients: the job's pod has to get in, too
  const Output made =
      cli.setup({"--backup-schedule", "0 3 * * *", "--backup-keep", "2", "--allow-from", "somewhere-else"});
  INFO(said(made));
  REQUIRE(made.status == 0);
  CHECK(cli.status().out.find("backup       no run yet, to claim:raibid-redis-backup (0 3 * * *)") !=
        std::string::npos);
  for (int job = 1; job <= 3; ++job) cli.redis({"XADD", "raibid:jobs", "*", "job_id", std::to_string(job)});
  cli.redis({"-n", "3", "SET", "elsewhere", "1", "EX", "1000"});
  CHECK(cli.take_now("first").find("verified") != std::string::npos);
  const std::string second = cli.take_now("second");
  CHECK(second.find("removed") == std::string::npos);
  const nlohmann::json backup = cli.status_data().at("backup");
  CHECK(backup.at("verified") == true);
  CHECK(second.starts_with(backup.at("file").get<std::string>() + ": "));
  CHECK(backup.at("problem").is_null());

  nlohmann::json listed = nlohmann::json::parse(cli.run({"backup", "ls", "claim", "-o", "json"}).out);
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].at("keys") == 2);
  CHECK(listed[0].at("verified") == true);
  CHECK(listed[0].at("whole") == true);
  CHECK(listed[0].at("release") == "raibid-redis");
  const std::string oldest = listed[1].at("file");
  CHECK(cli.take_now("third").find("removed " + oldest) != std::string::npos);

  // what the user of the schedule may not
  const std::string password =
      base64_decode(cli.run_kubectl({"get", "secret", "raibid-redis", "-o", "jsonpath={.data.backup-password}"}));
  const std::string answers = kubectl(
      {"-n", cli.name_space(), "exec", "-i", "raibid-redis-master-0", "-c", "redis", "--", "redis-cli"},
      "AUTH backup " + password + "\nGET a\nCONFIG GET dir\nREPLICAOF h 1\nKEYS *\nFLUSHALL\nXADD raibid:jobs * a b\n");
  CHECK(count_of(answers, "NOPERM") == 6);
  const std::string objects = cli.run_kubectl({"get", "cronjobs,jobs,pods,configmaps", "-o", "json"});
  CHECK(objects.find(password) == std::string::npos);

  cli.redis({"FLUSHALL"});
  const Output restored = cli.run({"restore", "redis", "claim", "--yes", "--no-copy"});
  INFO(said(restored));
  REQUIRE(restored.status == 0);
  CHECK(cli.redis({"XLEN", "raibid:jobs"}) == "3");
  CHECK(cli.redis({"-n", "3", "GET", "elsewhere"}) == "1");
  CHECK(cli.run_kubectl({"get", "pods", "-o", "name"}).find("reader") == std::string::npos);
  CHECK(cli.setup().out.find("Nothing changed") != std::string::npos);

  REQUIRE(cli.setup({"--backup-schedule", "off"}).status == 0);
  CHECK(cli.run_kubectl({"get", "cronjobs", "-o", "name"}).find("backup") == std::string::npos);
  const Output kept = cli.teardown({"--delete-data", "--yes"});
  INFO(said(kept));
  CHECK(kept.status == 0);
  CHECK(cli.run_kubectl({"get", "persistentvolumeclaim", "-o", "name"}) ==
        "persistentvolumeclaim/raibid-redis-backup\n");
  // they are there for the next one
  REQUIRE(cli.setup({"--backup-schedule", "@daily"}).status == 0);
  listed = nlohmann::json::parse(cli.run({"backup", "ls", "claim", "-o", "json"}).out);
  CHECK(listed.size() == 2);
  REQUIRE(cli.teardown({"--delete-data", "--yes"}).status == 0);
  const Output gone = cli.teardown({"--delete-backups", "--yes"});
  INFO(said(gone));
  CHECK(gone.status == 0);
  CHECK((gone.out + gone.err).find("namespace/" + cli.name_space() + " removed") != std::string::npos);
}

}  // namespace raibid::backup_cluster_test
