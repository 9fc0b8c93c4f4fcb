// `queue top` on a terminal of its own, and in a pipe.
#include <doctest/doctest.h>

#include <signal.h>

#include "support/pty.hpp"
#include "support/queue_cli.hpp"

namespace raibid::queue_top_test {

using namespace raibid::test;

namespace {

constexpr const char* alternate_on = "\x1b[?1049h";
constexpr const char* alternate_off = "\x1b[?1049l";

std::map<std::string, std::string> environment_of(const QueueCli& cli) {
  return {{"RAIBID_HOME", cli.home().string()}, {"HOME", cli.folder().string()}};
}

std::vector<std::string> top_words(std::vector<std::string> more = {}) {
  more.insert(more.begin(), {RAIBID_CLI, "queue", "top", "--target", "local", "--interval", "200ms"});
  return more;
}

bool same(const termios& a, const termios& b) {
  return a.c_lflag == b.c_lflag && a.c_iflag == b.c_iflag && a.c_cc[VSUSP] == b.c_cc[VSUSP];
}

}  // namespace

TEST_CASE("queue top: shows jobs as they come, opens one, retries and removes after a question") {
  QueueCli cli;
  cli.queue("add", {cli.write("jobs", job_lines(3))});
  cli.take("worker-1", 3);
  Pty pty(top_words(), environment_of(cli));
  const termios before = pty.settings();
  REQUIRE(pty.shows("3 pending"));
  REQUIRE(pty.shows("worker-1"));
  cli.queue("add", {"--field", "job_id=4", "--field", "job_type=t", "--field", "payload=p"});
  REQUIRE(pty.shows("1 waiting"));

  pty.type("\x1b[B\r");
  REQUIRE(pty.shows("payload:"));
  pty.type("\r");
  REQUIRE(pty.shows("PENDING JOBS"));
  pty.type("d");
  REQUIRE(pty.shows("for good? y/n"));
  pty.type("n");
  REQUIRE(pty.shows("nothing was changed"));
  CHECK(cli.length() == 4);
  pty.type("dy");
  REQUIRE(pty.shows("was removed"));
  CHECK(cli.length() == 3);
  pty.type("r");
  REQUIRE(pty.shows("back into the queue? y/n"));
  pty.type("y");
  REQUIRE(pty.shows("was put back"));
  REQUIRE(pty.shows("1 pending"));
  pty.type("py");
  REQUIRE(pty.shows("(paused)"));
  pty.type("s");
  REQUIRE(pty.shows("DEAD JOBS"));

  pty.resize(60, 12);
  REQUIRE(pty.shows("raibid:jobs"));
  pty.resize(40, 8);
  REQUIRE(pty.shows("needs 60 columns"));
  pty.resize(100, 40);
  REQUIRE(pty.shows("DEAD JOBS"));
  pty.type("q");
  CHECK(pty.end() == 0);
  CHECK(same(pty.settings(), before));
  CHECK(pty.written().find(alternate_on) != std::string::npos);
  CHECK(pty.written().rfind(alternate_off) > pty.written().rfind(alternate_on));
}

TEST_CASE("queue top: however it ends, the terminal is as it was") {
  QueueCli cli;
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGKILL, SIGSEGV}) {
    CAPTURE(number);
    Pty pty(top_words(), environment_of(cli));
    const termios before = pty.settings();
    REQUIRE(pty.shows("raibid:jobs"));
    pty.signal(number);
    const int status = pty.end();
    CHECK(status == (number == SIGINT ? 0 : 128 + number));
    CHECK(same(pty.settings(), before));
    CHECK(pty.written().rfind(alternate_off) != std::string::npos);
    CHECK(pty.written().rfind("\x1b[?25h") != std::string::npos);
  }
}

TEST_CASE("queue top: goes on when Redis comes back, and says meanwhile that it is not up to date") {
  QueueCli cli;
  Pty pty(top_words(), environment_of(cli));
  REQUIRE(pty.shows("raibid:jobs"));
  cli.redis()->command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  REQUIRE(pty.shows("not up to date"));
  cli.queue("add", {"--field", "job_id=1", "--field", "job_type=t", "--field", "payload=p"});
  REQUIRE(pty.shows("1 waiting"));
  pty.type("q");
  CHECK(pty.end() == 0);
}

TEST_CASE("queue top: in a pipe it prints a line or an object for each look") {
  QueueCli cli;
  cli.queue("add", {cli.write("jobs", job_lines(3))});
  const Output lines = cli.queue("top", {"--looks", "2", "--interval", "50ms"});
  INFO(said(lines));
  CHECK(lines.status == 0);
  CHECK(std::count(lines.out.begin(), lines.out.end(), '\n') == 2);
  CHECK(lines.out.find("raibid:jobs: length 3 of 10,000") != std::string::npos);
  CHECK(lines.out.find('\x1b') == std::string::npos);
  const Output objects = cli.queue("top", {"--looks", "1", "-o", "json"});
  CHECK(nlohmann::json::parse(objects.out).at("length") == 3);
  CHECK(cli.shell("\"$RAIBID_CLI\" queue top --target local --interval 10ms | head -n 1").status == 0);
  CHECK(cli.queue("top", {"--looks", "-1"}).status == 2);
}

}  // namespace raibid::queue_top_test
