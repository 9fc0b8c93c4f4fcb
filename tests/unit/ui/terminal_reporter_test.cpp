#include "base/error.hpp"
#include "ui/make_reporter.hpp"

#include "screen.hpp"

#include <doctest/doctest.h>

#include <sstream>

namespace raibid {

using namespace std::chrono_literals;

namespace {

/// A terminal reporter whose output goes to a Screen, with a clock that only tests move.
class Fixture {
 public:
  explicit Fixture(int width, ReporterOptions options = {}, bool utf8 = true)
      : m_width(width), m_screen(static_cast<std::size_t>(width)) {
    Terminal terminal;
    terminal.rewrites = true;
    terminal.questions = true;
    terminal.utf8 = utf8;
    terminal.width = [this] { return m_width; };
    options.now = [this] { return m_now; };
    m_reporter = make_reporter(terminal, std::move(options), m_out);
  }

  Reporter* operator->() { return m_reporter.get(); }
  void pass(std::chrono::milliseconds time) { m_now += time; }

  std::string shown() {
    flush();
    CHECK(m_screen.unknown() == "");
    CHECK(m_screen.wraps() == 0);
    return m_screen.text();
  }
  std::string raw() { return m_out.str(); }

  void resize(int width) {
    flush();
    m_width = width;
    m_screen.resize(static_cast<std::size_t>(width));
  }

 private:
  void flush() {
    const std::string all = m_out.str();
    m_screen.write(std::string_view(all).substr(m_taken));
    m_taken = all.size();
  }

  int m_width;
  std::chrono::steady_clock::time_point m_now{};
  std::ostringstream m_out;
  std::size_t m_taken = 0;
  tests::Screen m_screen;
  std::unique_ptr<Reporter> m_reporter;
};

}  // namespace

TEST_CASE("a run looks as the design shows it") {
  Fixture ui(120);
  ui->heading("Cluster k3s-dev (https://10.0.0.5:6443), namespace raibid-redis");
  ui->step_started("preflight");
  ui->step_ended("preflight", Mark::done, "helm 4.1.4, kubectl 1.35.2, Kubernetes 1.34.4, StorageClass local-path",
                 300ms);
  ui->step_ended("namespace", Mark::done, "raibid-redis created", 20ms);
  ui->step_ended("release", Mark::unchanged, "raibid-redis, revision 1", 640ms);
  ui->step_ended("redis", Mark::failed, "PONG · 8.2.1", 65s);
  ui->step_ended("stream", Mark::warning, "", 0ms);
  ui->note("Ready in 2.2 s.");
  CHECK(ui.shown() ==
        "Cluster k3s-dev (https://10.0.0.5:6443), namespace raibid-redis\n"
        "  ✓ preflight     helm 4.1.4, kubectl 1.35.2, Kubernetes 1.34.4, StorageClass local-path     0.3 s\n"
        "  ✓ namespace     raibid-redis created\n"
        "  - release       raibid-redis, revision 1                                                   0.6 s\n"
        "  ✗ redis         PONG · 8.2.1                                                          1 min 05 s\n"
        "  ! stream\n"
        "Ready in 2.2 s.\n");
}

TEST_CASE("a step that goes on is one line, written again") {
  Fixture ui(80);
  ui->step_started("release");
  CHECK(ui.shown() == "  ⠋ release\n");
  ui->step_progress("release", "waiting for the scheduler");
  CHECK(ui.shown() == "  ⠋ release       waiting for the scheduler\n");
  ui.pass(3200ms);
  ui->step_progress("release", "waiting for the image");
  CHECK(ui.shown() == "  ⠙ release       waiting for the image  3 s\n");
  ui->note("in between");
  ui->detail("not shown without -v");
  CHECK(ui.shown() == "in between\n  ⠙ release       waiting for the image  3 s\n");
  ui->step_ended("release", Mark::done, "revision 1", 3200ms);
  CHECK(ui.shown() == "in between\n  ✓ release       revision 1" + std::string(79 - 28 - 5, ' ') + "3.2 s\n");
}

TEST_CASE("nothing is drawn when nothing has changed") {
  Fixture ui(80);
  ui->step_started("release");
  ui->step_progress("release", "waiting");
  const std::string before = ui.raw();
  for (int i = 0; i < 7; ++i) {
    ui.pass(10ms);
    ui->step_progress("release", "waiting");
  }
  CHECK(ui.raw() == before);
  ui.pass(10ms);
  ui->step_progress("release", "waiting");
  CHECK(ui.shown() == "  ⠙ release       waiting\n");
}

TEST_CASE("no line is broken by the terminal, however narrow") {
  for (int width = 1; width <= 130; ++width) {
    CAPTURE(width);
    Fixture ui(width);
    ui->step_started("a-step-with-a-long-name");
    ui.pass(125s);
    ui->step_progress("a-step-with-a-long-name",
                      "waiting for something that takes more words than the line has room for, and 日本語 too");
    ui.shown();
    ui->step_ended("a-step-with-a-long-name", Mark::failed,
                   "a detail of several words: /a/path/without/any/blank/that/is/longer/than/narrow/terminals 日本語",
                   1500ms);
    const std::string shown = ui.shown();
    // what a detail says is never cut off
    std::string squeezed;
    for (const char c : shown) {
      if (c != ' ' && c != '\n') squeezed += c;
    }
    if (width > 5)
      CHECK(squeezed.find("/a/path/without/any/blank/that/is/longer/than/narrow/terminals") != std::string::npos);
    CHECK(squeezed.find("日本語") != std::string::npos);
  }
}

TEST_CASE("a long detail goes on under itself") {
  Fixture ui(50);
  ui->step_ended("redis", Mark::done, "PONG · 8.2.1 · AOF everysec · maxmemory 307 MiB noeviction", 1200ms);
  CHECK(ui.shown() ==
        "  ✓ redis         PONG · 8.2.1 · AOF        1.2 s\n"
        "                  everysec · maxmemory 307\n"
        "                  MiB noeviction\n");
}

TEST_CASE("a terminal that becomes narrower") {
  Fixture ui(80);
  ui->note("before");
  ui->step_started("release");
  ui->step_progress("release", "waiting for a claim that nobody wants to provision today");
  ui.resize(30);
  ui.pass(100ms);
  ui->step_progress("release", "waiting for a claim that nobody wants to provision today");
  CHECK(ui.shown() == "before\n  ⠙ release       waiting fo…\n");
  ui->step_ended("release", Mark::done, "ok", 0ms);
  CHECK(ui.shown() == "before\n  ✓ release\n    ok\n");
}

TEST_CASE("text from elsewhere cannot steer the terminal") {
  Fixture ui(80);
  const std::string evil =
      "a\x1b[2J\x1b]0;title\x07\r\n\xff"
      "b";
  ui->step_started(evil);
  ui->step_progress(evil, evil);
  ui->step_ended(evil, Mark::done, evil, 0ms);
  ui->heading(evil);
  ui->note(evil);
  ui->warning(evil);
  ui->error(Error(ExitCode::failure, evil, evil));
  ui->confirm(evil);
  const std::string raw = ui.raw();
  CHECK(raw.find('\x07') == std::string::npos);
  CHECK(raw.find("\x1b[2J") == std::string::npos);
  CHECK(raw.find('\xff') == std::string::npos);
}

TEST_CASE("errors and warnings") {
  Fixture ui(80);
  ui->step_started("release");
  ui->warning("maxmemory is not set");
  ui->error(Error(ExitCode::remains, "helm: failed",
                  "remove what remains:\n  helm uninstall x\n  kubectl delete namespace x"));
  ui->step_ended("release", Mark::failed, "", 0ms);
  CHECK(ui.shown() ==
        "warning: maxmemory is not set\n"
        "error: helm: failed\n"
        "hint: remove what remains:\n"
        "    helm uninstall x\n"
        "    kubectl delete namespace x\n"
        "  ✗ release\n");
}

TEST_CASE("colours") {
  ReporterOptions options;
  options.color = ColorChoice::always;
  Fixture ui(80, options);
  ui->step_ended("release", Mark::done, "ok", 0ms);
  CHECK(ui.raw() == "  \x1b[32m✓\x1b[0m release       ok\n");
}

TEST_CASE("a terminal without UTF-8") {
  Fixture ui(80, {}, false);
  ui->step_started("redis");
  ui->step_progress("redis", "waiting … 日");
  CHECK(ui.shown() == "  | redis         waiting ... ?\n");
  ui->step_ended("redis", Mark::done, "PONG · 8.2.1", 0ms);
  ui->step_ended("x", Mark::failed, "", 0ms);
  CHECK(ui.shown() == "  + redis         PONG - 8.2.1\n  x x\n");
}

TEST_CASE("quiet and verbose on a terminal") {
  ReporterOptions options;
  options.quiet = true;
  Fixture quiet(80, options);
  quiet->heading("h");
  quiet->step_started("a");
  quiet->step_progress("a", "p");
  quiet->step_ended("a", Mark::done, "d", 0ms);
  quiet->step_ended("b", Mark::unchanged, "d", 0ms);
  quiet->note("n");
  quiet->detail("v");
  CHECK(quiet.raw() == "");
  quiet->warning("w");
  quiet->step_ended("c", Mark::failed, "d", 0ms);
  CHECK(quiet.shown() == "warning: w\n  ✗ c             d\n");

  options.quiet = false;
  options.verbose = true;
  Fixture verbose(80, options);
  verbose->detail("v");
  CHECK(verbose.shown() == "v\n");
}

TEST_CASE("questions") {
  for (const auto& [answer, expected] : {std::pair<const char*, bool>{"y", true},
                                         {"YES", true},
                                         {" yes \r", true},
                                         {"n", false},
                                         {"", false},
                                         {"yep", false}}) {
    CAPTURE(answer);
    ReporterOptions options;
    options.read_line = [answer = std::string(answer)] { return answer; };
    Fixture ui(80, options);
    ui->step_started("teardown");
    CHECK(ui->confirm("Remove it?") == expected);
    CHECK(ui.shown() == "Remove it? [y/N]\n");
  }
  ReporterOptions options;
  options.read_line = [] { return std::nullopt; };
  Fixture ui(80, options);
  CHECK(ui->confirm("Remove it?") == false);
  CHECK(ui.raw() == "Remove it? [y/N] \n");
}

TEST_CASE("a live line does not stay when the reporter goes") {
  std::ostringstream out;
  {
    Terminal terminal;
    terminal.rewrites = terminal.utf8 = true;
    make_reporter(terminal, {}, out)->step_started("release");
  }
  tests::Screen screen(80);
  screen.write(out.str());
  CHECK(screen.text() == "");
}

}  // namespace raibid
