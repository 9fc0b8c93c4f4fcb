#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "cluster/support.hpp"
#include "sys/files.hpp"

/// The CronJob that trims streams, and the user that it logs in as.

namespace raibid::cluster_trim_test {

using namespace raibid::test;
using nlohmann::json;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct Trimmed {
  explicit Trimmed(const std::string& name_space, std::vector<std::string> options) : cli(name_space) {
    const Output output = cli.setup(std::move(options));
    INFO(said(output));
    REQUIRE(output.status == 0);
  }
  std::string run(std::vector<std::string> arguments, const std::string& input = {}) {
    arguments.insert(arguments.begin(), {"-n", cli.name_space()});
    return kubectl(std::move(arguments), input);
  }
  json all(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"-n", cli.name_space()});
    return kubectl_json(std::move(arguments));
  }
  Output queue(const std::string& verb, std::vector<std::string> more) {
    more.insert(more.begin(), {"queue", verb, "-n", cli.name_space()});
    return cli(more);
  }
  /// What the run said.
  std::string trim(const std::string& job) {
    run({"create", "job", "--from=cronjob/raibid-redis-trim", job});
    run({"wait", "--for=condition=complete", "job/" + job, "--timeout=90s"});
    return run({"logs", "job/" + job});
  }
  std::string pod() { return run({"get", "pod", "raibid-redis-master-0", "-o", "jsonpath={.metadata.uid}"}); }
  std::string secret(const std::string& key) {
    return base64_decode(run({"get", "secret", "raibid-redis", "-o", "jsonpath={.data." + key + "}"}));
  }
  /// redis-cli in the pod, as the user trim: the password goes in on its standard input.
  std::string as_trim(const std::string& command) {
    return run({"exec", "-i", "raibid-redis-master-0", "-c", "redis", "--", "redis-cli"},
               "AUTH trim " + secret("trim-password") + "\n" + command + "\n");
  }

  ClusterCli cli;
};

std::string jobs(int first, int last) {
  std::string lines;
  for (int job = first; job <= last; ++job)
    lines += "{\"job_id\":\"" + std::to_string(job) + "\",\"job_type\":\"t\",\"payload\":\"x\"}\n";
  return lines;
}

}  // namespace

TEST_CASE("the CronJob trims what is done; what is pending or undelivered stays, and its user may do nothing else") {
  if (!have_cluster()) return;
  Trimmed one("raibid-test-trim", {"--max-length", "10", "--allow-from", "somewhere-else"});
  const std::string file = (one.cli.folder() / "jobs.jsonl").string();
  write_atomic(file, jobs(1, 200));
  REQUIRE(one.queue("add", {file, "--max-length", "0"}).status == 0);
  const Output worked = one.queue("work", {"--until-empty", "--concurrency", "4", "--", "true"});
  INFO(said(worked));
  REQUIRE(worked.status == 0);
  write_atomic(file, jobs(201, 240));
  REQUIRE(one.queue("add", {file, "--max-length", "0"}).status == 0);
  // ten of these are pending, thirty undelivered
  const Output taken = one.cli({"connect", "redis", "-n", one.cli.name_space(), "--", "sh", "-c",
                                "redis-cli -h \"$REDIS_HOST\" -p \"$REDIS_PORT\" XREADGROUP GROUP raibid-workers c "
                                "COUNT 10 STREAMS raibid:jobs '>' | grep -c job_type"});
  INFO(said(taken));
  REQUIRE(std::string(raibid::trim(taken.out)) == "10");

  // queue work has trimmed some of the 200 that are done
  const auto length = json::parse(one.queue("stats", {"-o", "json"}).out).at("queues").at(0).at("length").get<int>();
  REQUIRE(length > 40);
  // all of it, unless the CronJob's own run has just been
  const std::string trimmed = one.trim("trim-now");
  CHECK((trimmed == fmt::format("raibid:jobs: {} removed, limit 10\n", length - 40) ||
         trimmed == "raibid:jobs: 0 removed, limit 10\n"));
  const json facts = json::parse(one.queue("stats", {"-o", "json"}).out).at("queues").at(0);
  CHECK(facts.at("length") == 40);
  CHECK(facts.at("groups").at(0).at("pending") == 10);
  CHECK(facts.at("groups").at(0).at("waiting") == 30);
  const json status = json::parse(one.cli.status({"-o", "json"}).out);
  CHECK(status.at("trimming").at("schedule") == "*/10 * * * *");
  CHECK(status.at("trimming").at("last_succeeded").is_string());

  CHECK(has(one.as_trim("XLEN raibid:jobs"), "40"));
  for (const char* command :
       {"GET k", "XADD raibid:jobs * a b", "DEL raibid:jobs", "XLEN other", "XTRIM other MAXLEN 0", "CONFIG GET dir",
        "ACL LIST", "KEYS *", "XREADGROUP GROUP raibid-workers c STREAMS raibid:jobs >"}) {
    CAPTURE(command);
    CHECK(has(one.as_trim(command), "NOPERM"));
  }

  const std::string objects = one.run({"get", "cronjobs,jobs,pods,configmaps", "-o", "json"});
  for (const char* key : {"trim-password", "redis-password"}) CHECK_FALSE(has(objects, one.secret(key)));
  const json spec = one.all({"get", "cronjob", "raibid-redis-trim", "-o", "json"})
                        .at("/spec/jobTemplate/spec/template/spec/containers/0"_json_pointer);
  CHECK_FALSE(spec.contains("env"));
  CHECK_FALSE(spec.contains("envFrom"));
  CHECK(spec.at("command") == json({"sh", "/etc/trim/trim.sh"}));

  const Output gone = one.cli.teardown({"--delete-data", "--yes"});
  INFO(said(gone));
  CHECK(gone.status == 0);
  CHECK(has(gone.out + gone.err, "namespace/raibid-test-trim removed"));
}

TEST_CASE("trimming is turned on and off, suspended and put back without a restart of Redis") {
  if (!have_cluster()) return;
  Trimmed one("raibid-test-trim-later", {"--trim-schedule", "off"});
  const std::string pod = one.pod();
  CHECK(one.run({"get", "cronjobs", "-o", "name"}).empty());
  CHECK_FALSE(has(one.secret("users\\.acl"), "user trim "));

  const Output on = one.cli.setup({"--trim-schedule", "@hourly"});
  INFO(said(on));
  REQUIRE(on.status == 0);
  CHECK(has(on.out + on.err, "user trim added"));
  CHECK(one.pod() == pod);
  CHECK(one.trim("first") == "raibid:jobs: 0 removed, limit 10000\n");
  const Output healthy = one.cli.status();
  INFO(said(healthy));
  CHECK(healthy.status == 0);

  one.run({"patch", "cronjob", "raibid-redis-trim", "-p", R"({"spec": {"suspend": true}})"});
  const Output suspended = one.cli.status();
  INFO(said(suspended));
  CHECK(suspended.status == 1);
  CHECK(has(suspended.out, "✗ trimming     CronJob raibid-redis-trim is suspended"));
  REQUIRE(one.cli.setup().status == 0);
  CHECK(one.cli.status().status == 0);

  REQUIRE(one.cli.setup({"--trim-schedule", "off"}).status == 0);
  CHECK(one.run({"get", "cronjobs", "-o", "name"}).empty());
  CHECK(one.pod() == pod);
  CHECK(one.cli.status().status == 0);
}

TEST_CASE("the queue commands through the tunnel, and tail across the deletion of the pod") {
  if (!have_cluster()) return;
  Trimmed one("raibid-test-queue", {});
  const std::string file = (one.cli.folder() / "jobs.jsonl").string();
  write_atomic(file, jobs(1, 50));
  const auto tail = one.cli.start({"queue", "tail", "-f", "--limit", "100", "-n", one.cli.name_space()});
  const auto lines = [&] {
    std::vector<std::string> all = split(tail->out(), '\n');
    std::erase(all, "");
    return all;
  };
  const auto wait_for = [&](std::size_t count) {
    Process* const waited = tail.get();
    const TimePoint until = one.cli.runner().now() + std::chrono::seconds(120);
    while (lines().size() < count && !tail->finished() && one.cli.runner().now() < until)
      one.cli.runner().wait({&waited, 1}, one.cli.runner().now() + std::chrono::milliseconds(50));
    return lines().size() == count;
  };
  REQUIRE(one.queue("add", {file}).status == 0);
  CHECK(wait_for(50));
  one.run({"delete", "pod", "raibid-redis-master-0"});
  one.run({"wait", "--for=condition=Ready", "pod/raibid-redis-master-0", "--timeout=120s"});
  write_atomic(file, jobs(51, 80));
  const Output added = one.queue("add", {file});
  INFO(said(added));
  REQUIRE(added.status == 0);
  INFO(tail->err());
  CHECK(wait_for(80));
  for (std::size_t at = 0; at < lines().size(); ++at) CHECK(has(lines()[at], "job_id=" + std::to_string(at + 1) + " "));
  const json listed = json::parse(one.queue("ls", {"--limit", "100", "-o", "json"}).out).at("jobs");
  CHECK(listed.size() == 80);
  const Output worked = one.queue("work", {"--until-empty", "--concurrency", "4", "-o", "json", "--", "true"});
  INFO(said(worked));
  CHECK(json::parse(worked.out).at("done") == 80);
  const json facts = json::parse(one.queue("stats", {"-o", "json"}).out).at("queues").at(0);
  CHECK(facts.at("length") == 80);
  CHECK(facts.at("groups").at(0).at("pending") == 0);
  CHECK(facts.at("groups").at(0).at("waiting") == 0);
}

}  // namespace raibid::cluster_trim_test
