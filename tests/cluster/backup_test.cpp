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
  Backups() : ClusterCli("raibid-test-backup") {}

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
  std::string in_data() {
    return kubectl({"exec", "-n", name_space(), "raibid-redis-master-0", "-c", "redis", "--", "ls", "/data"});
  }
};

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

}  // namespace raibid::backup_cluster_test
