#include <doctest/doctest.h>

#include <signal.h>

#include <array>

#include "base/strings.hpp"
#include "cluster/support.hpp"

namespace raibid::cluster_undo_test {

using namespace raibid::test;

/// Two runs at once, runs that are ended from outside, and what a killed helm leaves: on a real cluster.

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A setup that runs beside the test.
struct Running {
  Running(ClusterCli& cli, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"setup", "redis", "-v", "-n", cli.name_space()});
    cli.runner().observe([this](int started, const Command&) { pid = started; });
    process = cli.start(more);
    cli.runner().observe({});
  }
  /// Until it has said that, or `holds`.
  void until(const std::string& text) {
    until([&] { return has(process->err(), text); });
  }
  void until(const std::function<bool()>& holds) {
    Process* const one = process.get();
    const TimePoint end = real_runner().now() + std::chrono::minutes(2);
    while (!holds() && !process->finished() && real_runner().now() < end) {
      real_runner().wait({&one, 1}, real_runner().now() + std::chrono::milliseconds(20));
    }
  }
  Output ended() {
    until([&] { return process->finished(); });
    return {process->status(), process->out(), process->err(), !process->finished()};
  }

  int pid = 0;
  std::unique_ptr<Process> process;
};

std::string status_of_release(const std::string& name_space) {
  const std::string labels =
      kubectl({"get", "secrets", "-n", name_space, "-l", "owner=helm", "--sort-by=.metadata.creationTimestamp", "-o",
               "jsonpath={.items[-1:].metadata.labels.status}"});
  return std::string(trim(labels));
}

bool has_release(const std::string& name_space, const std::string& status) {
  const Output found = attempt({"kubectl", "--kubeconfig", ::getenv("RAIBID_TEST_KUBECONFIG"), "get", "secrets", "-n",
                                name_space, "-l", "owner=helm,status=" + status, "-o", "name"});
  return has(found.out, "secret/");
}

constexpr const char* release_is_done = "ok: release";

/// Adds five jobs, and counts those that are there.
void add_jobs(ClusterCli& cli) {
  const Output added = cli({"connect", "redis", "-n", cli.name_space(), "--", "sh", "-c",
                            R"sh(for n in 1 2 3 4 5; do
  redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" XADD raibid:jobs '*' n $n || exit 1
done)sh"});
  INFO(said(added));
  REQUIRE(added.status == 0);
}

std::string jobs_in(ClusterCli& cli) {
  const Output counted = cli({"connect", "redis", "-n", cli.name_space(), "--", "sh", "-c",
                              R"sh(redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" XLEN raibid:jobs)sh"});
  INFO(said(counted));
  REQUIRE(counted.status == 0);
  return std::string(trim(counted.out));
}

/// The uids of what holds the data.
std::string data_of(const std::string& name_space) {
  return kubectl({"get", "namespace/" + name_space, "-o", "jsonpath={.metadata.uid} "}) +
         kubectl({"get", "secret/raibid-redis", "persistentvolumeclaim/redis-data-raibid-redis-master-0", "-n",
                  name_space, "-o", "jsonpath={.items[*].metadata.uid}"});
}

/// Kills a setup, and with it its helm, when the release is in that state.
void kill_in(ClusterCli& cli, const std::string& status, std::vector<std::string> more = {}) {
  for (int i = 0; i < 5; ++i) {
    // a watch: asking again and again would be too slow
    const std::unique_ptr<Process> records = real_runner().start(
        {{"kubectl", "--kubeconfig", ::getenv("RAIBID_TEST_KUBECONFIG"), "get", "secrets", "-n", cli.name_space(), "-l",
          "owner=helm", "-w", "-o", "jsonpath={.metadata.labels.status}{\"\\n\"}"},
         {},
         {}});
    Running run(cli, more);
    std::array<Process*, 2> both = {run.process.get(), records.get()};
    while (!has(records->out(), status) && !run.process->finished()) {
      real_runner().wait(both, real_runner().now() + std::chrono::seconds(1));
    }
    ::kill(run.pid, SIGKILL);
    run.ended();
    if (has_release(cli.name_space(), status)) return;
    REQUIRE(cli.setup(more).status == 0);  // it was too late: once more
    if (more.empty()) REQUIRE(cli.teardown({"--yes", "--delete-data"}).status == 0);
    if (!more.empty()) REQUIRE(cli.setup({"--reset", "--restart"}).status == 0);
  }
  FAIL("helm was never caught in " << status);
}

/// Shortens the lease of a stopped run to a second and waits that second: what passes otherwise in a minute and a half.
void let_lease_expire(const std::string& name_space) {
  kubectl({"patch", "lease", "-n", name_space, "raibid-cli-raibid-redis", "--type=merge", "-p",
           R"({"spec": {"leaseDurationSeconds": 1}})"});
  kubectl({"wait", "-n", name_space, "lease/raibid-cli-raibid-redis", "--for=jsonpath={.spec.leaseDurationSeconds}=1",
           "--timeout=10s"});
  real_runner().wait({}, real_runner().now() + std::chrono::seconds(2));
}

}  // namespace

TEST_CASE("of two setups at once one works and the other says who does") {
  if (!have_cluster()) return;
  ClusterCli first("raibid-test-two");
  ClusterCli second("raibid-test-two");  // with a home of its own, as on another machine
  Running running(first);
  running.until("started: release");
  const Output refused = second.setup();
  INFO(said(refused));
  CHECK(refused.status == 3);
  CHECK(has(refused.err, "\"setup redis\" (process " + std::to_string(running.pid)));
  CHECK(has(refused.err, "is at work on release raibid-redis"));
  CHECK(has(refused.err, "delete lease"));
  const Output done = running.ended();
  INFO(said(done));
  CHECK(done.status == 0);
  CHECK(trim(kubectl({"get", "leases", "-n", "raibid-test-two", "-o", "name"})).empty());
  CHECK(second.setup().status == 0);
}

TEST_CASE("of two setups that begin at the same moment one wins, and the other has changed nothing") {
  if (!have_cluster()) return;
  ClusterCli first("raibid-test-race");
  ClusterCli second("raibid-test-race");
  Running one(first);
  Running other(second);
  const Output a = one.ended();
  const Output b = other.ended();
  INFO(said(a), said(b));
  // the second may also come so late that the first has ended
  CHECK((a.status == 0 || b.status == 0));
  for (const Output& ended : {a, b}) CHECK((ended.status == 0 || ended.status == 3));
  CHECK(first.status().status == 0);
}

TEST_CASE("Ctrl-C in the middle takes everything back, and so does the run after a kill -9") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-ended");
  const auto before = cluster_state(cli.name_space());
  for (const int signal : {SIGINT, SIGTERM}) {
    Running run(cli);
    run.until("started: redis");
    ::kill(run.pid, signal);
    const Output ended = run.ended();
    INFO(said(ended));
    CHECK(ended.status == 128 + signal);
    CHECK(cluster_state(cli.name_space()) == before);
    CHECK(tree(cli.home() / "journal").empty());
  }
  Running killed(cli);
  killed.until("started: redis");
  ::kill(killed.pid, SIGKILL);
  killed.ended();
  CHECK(has(cli.status().err, "was interrupted"));
  const Output second = cli.setup();
  INFO(said(second));
  CHECK(second.status == 0);
  CHECK(has(second.err, "undoing what it had begun"));
  CHECK(cli.status().status == 0);
}

TEST_CASE("a second Ctrl-C stops at once and says what remains") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-twice");
  Running run(cli);
  run.until("started: redis");
  ::kill(run.pid, SIGINT);
  run.until("started: rollback");
  const TimePoint again = real_runner().now();
  ::kill(run.pid, SIGTERM);
  const Output ended = run.ended();
  INFO(said(ended));
  CHECK(ended.status == 5);
  CHECK(real_runner().now() - again < std::chrono::seconds(4));
  CHECK(has(ended.err, "what remains can be removed with:"));
  CHECK(has(ended.err, "delete namespace raibid-test-twice"));
  const Output undone = cli.teardown({"--yes", "--delete-data"});
  INFO(said(undone));
  CHECK(undone.status == 0);
}

TEST_CASE("a release that a killed helm left pending is repaired, or left to whoever may be at work") {
  if (!have_cluster()) return;
  ClusterCli first("raibid-test-pending");
  kill_in(first, "pending-install");
  // whoever died is not known without its home and its lease
  ClusterCli other("raibid-test-elsewhere");
  const auto elsewhere = [&](std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"setup", "redis", "-n", "raibid-test-pending"});
    return other(more);
  };
  kubectl({"delete", "lease", "-n", "raibid-test-pending", "raibid-cli-raibid-redis"});
  const Output refused = elsewhere();
  INFO(said(refused));
  CHECK(refused.status == 3);
  CHECK(has(refused.err, "pending-install since"));
  CHECK(has(refused.err, "uninstall raibid-redis"));
  const Output undone = first.setup();  // its own journal knows
  INFO(said(undone));
  REQUIRE(undone.status == 0);

  kill_in(first, "pending-upgrade", {"--memory-limit", "768Mi", "--restart"});
  const Output repaired = elsewhere({"--memory-limit", "640Mi", "--restart"});  // the lease is a dead process's
  INFO(said(repaired));
  CHECK(repaired.status == 0);
  CHECK(has(repaired.err, "was left pending-upgrade: back to revision"));
  CHECK(status_of_release("raibid-test-pending") == "deployed");
}

TEST_CASE("a stale journal does not reach what another home has set up since: the jobs are still there") {
  if (!have_cluster()) return;
  ClusterCli first("raibid-test-stale");
  ClusterCli second("raibid-test-stale");  // with a home of its own, as on another machine
  Running killed(first);
  killed.until(release_is_done);
  ::kill(killed.pid, SIGKILL);
  killed.ended();

  const Output ready = second.setup();
  INFO(said(ready));
  REQUIRE(ready.status == 0);
  add_jobs(second);
  const std::string data = data_of("raibid-test-stale");

  const Output again = first.setup({"--yes"});
  INFO(said(again));
  CHECK(again.status == 0);
  CHECK(has(again.err, "release raibid-redis is kept: another run has set it up since"));
  CHECK(data_of("raibid-test-stale") == data);
  CHECK(jobs_in(first) == "5");
  CHECK(first.status().status == 0);
  CHECK(tree(first.home() / "journal").empty());
}

TEST_CASE("the run after a kill -9 keeps claim and Secret; --discard-data starts again") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-kept");
  for (const bool discard : {false, true}) {
    CAPTURE(discard);
    Running killed(cli);
    killed.until(release_is_done);
    ::kill(killed.pid, SIGKILL);
    killed.ended();
    kubectl({"wait", "-n", cli.name_space(), "pod/raibid-redis-master-0", "--for=condition=Ready", "--timeout=60s"});
    const std::string data = data_of(cli.name_space());
    const Output again = cli.setup(discard ? std::vector<std::string>{"--discard-data"} : std::vector<std::string>{});
    INFO(said(again));
    REQUIRE(again.status == 0);
    CHECK((data_of(cli.name_space()) == data) == !discard);
    CHECK(has(again.err, "is kept and used") == !discard);
    REQUIRE(cli.teardown({"--yes", "--delete-data"}).status == 0);
  }
}

TEST_CASE("a run that slept longer than its lease leaves another home's work alone and says who has it") {
  if (!have_cluster()) return;
  ClusterCli first("raibid-test-slept");
  ClusterCli second("raibid-test-slept");
  Running slept(first, {"--timeout", "30s"});
  slept.until(release_is_done);
  ::kill(slept.pid, SIGSTOP);
  let_lease_expire("raibid-test-slept");
  const TimePoint over = real_runner().now() + std::chrono::seconds(35);  // longer than its deadline, too
  const Output ready = second.setup();
  INFO(said(ready));
  REQUIRE(ready.status == 0);
  add_jobs(second);
  const std::string data = data_of("raibid-test-slept");
  while (real_runner().now() < over) real_runner().wait({}, over);

  ::kill(slept.pid, SIGCONT);
  const Output woken = slept.ended();
  INFO(said(woken));
  CHECK(woken.status == 5);
  CHECK(has(woken.err, "another run has taken release raibid-redis over"));
  CHECK(has(woken.err, "nothing was undone"));
  CHECK_FALSE(has(woken.err, "rollback"));
  CHECK(data_of("raibid-test-slept") == data);
  CHECK(jobs_in(second) == "5");
  CHECK(second.status().status == 0);

  const Output again = first.setup();  // and its journal does not do it later either
  INFO(said(again));
  CHECK(again.status == 0);
  CHECK(data_of("raibid-test-slept") == data);
  CHECK(jobs_in(second) == "5");
}

TEST_CASE("a run that slept and wakes while another works names it and stops") {
  if (!have_cluster()) return;
  ClusterCli first("raibid-test-woken");
  ClusterCli second("raibid-test-woken");
  Running slept(first);
  slept.until("started: redis");
  ::kill(slept.pid, SIGSTOP);
  let_lease_expire("raibid-test-woken");
  Running other(second, {"--memory-limit", "768Mi", "--restart"});
  other.until("started: release");
  ::kill(other.pid, SIGSTOP);  // it stays the holder
  ::kill(slept.pid, SIGCONT);
  const Output woken = slept.ended();
  INFO(said(woken));
  CHECK(woken.status == 5);
  CHECK(has(woken.err, "\"setup redis\" (process " + std::to_string(other.pid)));
  CHECK(has(woken.err, "nothing was undone"));
  ::kill(other.pid, SIGCONT);
  const Output done = other.ended();
  INFO(said(done));
  CHECK(done.status == 0);
  CHECK(second.status().status == 0);
}

}  // namespace raibid::cluster_undo_test
