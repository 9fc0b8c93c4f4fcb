#include "base/strings.hpp"
#include "cluster/support.hpp"
#include "support/machine.hpp"
#include "sys/files.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>

namespace raibid::proxy_test {

using namespace raibid::test;
using namespace std::chrono_literals;

namespace {

/// A kubectl in front of the real one that writes down how it is called.
struct CountingCli : ClusterCli {
  explicit CountingCli(const std::string& name_space) : ClusterCli(name_space) {
    fs::create_directories(folder() / "bin");
    script("");
    set("PATH", (folder() / "bin").string() + ":" + std::getenv("PATH"));
  }
  void script(const std::string& first) const {
    write_atomic(
        folder() / "bin/kubectl",
        "#!/bin/sh\necho \"$*\" >> '" + log().string() + "'\n" + first + "exec '" + program("kubectl") + "' \"$@\"\n",
        0700);
  }
  fs::path log() const { return folder() / "kubectls"; }
  /// The kubectls since the last time.
  std::vector<std::string> kubectls() const {
    std::string text = read_file(log()).value_or("");
    remove_tree(log());
    return take_lines(text);
  }
};

std::ptrdiff_t count(const std::vector<std::string>& lines, const std::string& part) {
  return std::count_if(lines.begin(), lines.end(),
                       [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

/// Every kubectl is one that has to be: it chooses the cluster, is asked for its own version, passes requests on, or
/// forwards a port.
void check_kubectls(const std::vector<std::string>& lines, std::ptrdiff_t most) {
  INFO(join(lines, "\n"));
  CHECK(count(lines, " proxy --unix-socket=") == 1);
  const std::ptrdiff_t known = count(lines, "config view") + count(lines, "version --client") +
                               count(lines, " proxy --unix-socket=") + count(lines, " port-forward ") +
                               count(lines, " exec ");
  CHECK(known == std::ssize(lines));
  CHECK(std::ssize(lines) <= most);
}

}  // namespace

TEST_CASE("setup and status ask the cluster through one kubectl") {
  if (!have_cluster()) return;
  CountingCli cli("raibid-test-proxy");
  const Output made = cli.setup();
  INFO(said(made));
  REQUIRE(made.status == 0);
  check_kubectls(cli.kubectls(), 4);
  const Output status = cli.status({"--timing"});
  CHECK(status.status == 0);
  for (const char* part :
       {"  kubectl proxy --unix-socket=", "  GET /api/v1/namespaces/raibid-test-proxy", "  redis PING, INFO, "})
    CHECK(status.err.find(part) != std::string::npos);
  check_kubectls(cli.kubectls(), 4);  // where the kubelet knows nothing of the claim, df in the pod
  CHECK(cli.setup().status == 0);     // nothing to change
  check_kubectls(cli.kubectls(), 4);
  CHECK(cli.teardown({"--delete-data", "--yes"}).status == 0);
  check_kubectls(cli.kubectls(), 4);  // what the namespace holds is asked of the API, too
}

TEST_CASE("without kubectl proxy setup, status and teardown work, and one line says so") {
  if (!have_cluster()) return;
  CountingCli cli("raibid-test-no-proxy");
  cli.script("for word; do [ \"$word\" = proxy ] && { echo 'error: unknown command \"proxy\"' >&2; exit 1; }; done\n");
  for (const Output& output : {cli.setup(), cli.status(), cli.teardown({"--delete-data", "--yes"})}) {
    INFO(said(output));
    CHECK(output.status == 0);
    const std::size_t at = output.err.find("kubectl proxy cannot be used (unknown command \"proxy\")");
    CHECK(at != std::string::npos);
    CHECK(output.err.find("kubectl proxy cannot be used", at + 1) == std::string::npos);
  }
}

TEST_CASE("the proxy dies with a run that is killed") {
  if (!have_cluster()) return;
  CountingCli cli("raibid-test-proxy-killed");
  REQUIRE(cli.setup().status == 0);
  cli.kubectls();
  int pid = 0;
  cli.runner().observe([&](int started, const Command&) { pid = started; });
  const std::unique_ptr<Process> connected = cli.start({"connect", "redis", "-n", cli.name_space()});
  cli.runner().observe({});
  Process* const one = connected.get();
  const TimePoint until = cli.runner().now() + 60s;
  while (connected->err().find("Ctrl-C") == std::string::npos && !connected->finished() && cli.runner().now() < until)
    cli.runner().wait({&one, 1}, until);
  std::string socket;
  for (const std::string& line : cli.kubectls()) {
    if (const std::size_t at = line.find("--unix-socket="); at != std::string::npos) socket = line.substr(at + 14);
  }
  REQUIRE_FALSE(socket.empty());
  const auto proxies = [&] { return attempt({"pgrep", "-f", socket}).out; };
  REQUIRE_FALSE(proxies().empty());
  ::kill(pid, SIGKILL);
  const TimePoint gone_by = cli.runner().now() + 10s;
  while (!proxies().empty() && cli.runner().now() < gone_by) cli.runner().wait({}, cli.runner().now() + 100ms);
  CHECK(proxies().empty());
  CHECK(cli.status().status == 0);
  CHECK_FALSE(fs::exists(fs::path(socket).parent_path()));  // the next run removed the folder
}

}  // namespace raibid::proxy_test
