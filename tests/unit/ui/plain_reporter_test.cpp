#include "base/error.hpp"
#include "ui/make_reporter.hpp"

#include <doctest/doctest.h>

#include <sstream>

namespace raibid {

using namespace std::chrono_literals;

namespace {

Terminal no_terminal() {
  Terminal terminal;
  terminal.utf8 = true;
  return terminal;
}

}  // namespace

TEST_CASE("without a terminal each change of state is one line") {
  std::ostringstream out;
  const auto ui = make_reporter(no_terminal(), {}, out);
  ui->heading("Cluster c");
  ui->step_started("release");
  ui->step_progress("release", "pulling the image");
  ui->step_progress("release", "pulling the image");
  ui->step_progress("release", "starting\nup");
  ui->step_progress("release", "pulling the image");
  ui->step_ended("release", Mark::done, "revision 1", 640ms);
  ui->step_ended("namespace", Mark::unchanged, "x is there", 10ms);
  ui->step_ended("stream", Mark::warning, "", 2s);
  ui->step_ended("redis", Mark::failed, "no PONG", 0ms);
  ui->detail("not shown");
  ui->note("a\nb\n");
  ui->warning("careful");
  ui->error(Error(ExitCode::failure, "broken", "try\nthis"));
  CHECK(out.str() ==
        "Cluster c\n"
        "waiting: release: pulling the image\n"
        "waiting: release: starting up\n"
        "waiting: release: pulling the image\n"
        "ok: release: revision 1 (0.6 s)\n"
        "unchanged: namespace: x is there\n"
        "warning: stream: (2.0 s)\n"
        "failed: redis: no PONG\n"
        "a\nb\n"
        "warning: careful\n"
        "error: broken\n"
        "hint: try\n"
        "  this\n");
}

TEST_CASE("a second run of the same step says its progress again") {
  std::ostringstream out;
  const auto ui = make_reporter(no_terminal(), {}, out);
  for (int i = 0; i < 2; ++i) {
    ui->step_started("a");
    ui->step_progress("a", "p");
  }
  CHECK(out.str() == "waiting: a: p\nwaiting: a: p\n");
}

TEST_CASE("without a terminal nothing is asked") {
  std::ostringstream out;
  ReporterOptions options;
  options.read_line = []() -> std::optional<std::string> {
    FAIL("standard input was read");
    return "y";
  };
  CHECK(make_reporter(no_terminal(), options, out)->confirm("Remove it?") == std::nullopt);
  CHECK(out.str() == "");
}

TEST_CASE("a terminal that cannot rewrite gets plain lines, and questions") {
  std::ostringstream out;
  Terminal terminal = no_terminal();
  terminal.questions = true;
  ReporterOptions options;
  options.read_line = [] { return "y"; };
  const auto ui = make_reporter(terminal, options, out);
  ui->step_started("a");
  CHECK(ui->confirm("Go?") == true);
  CHECK(out.str() == "Go? [y/N] ");
}

TEST_CASE("quiet, verbose and colour without a terminal") {
  std::ostringstream out;
  ReporterOptions options;
  options.verbose = true;
  options.color = ColorChoice::always;
  const auto verbose = make_reporter(no_terminal(), options, out);
  verbose->step_started("a");
  verbose->detail("d");
  verbose->step_ended("a", Mark::done, "", 0ms);
  CHECK(out.str() == "started: a\n\x1b[2md\x1b[0m\n\x1b[32mok:\x1b[0m a\n");

  out.str("");
  options = {};
  options.quiet = options.verbose = true;
  const auto quiet = make_reporter(no_terminal(), options, out);
  quiet->heading("h");
  quiet->step_started("a");
  quiet->step_progress("a", "p");
  quiet->step_ended("a", Mark::done, "d", 0ms);
  quiet->note("n");
  quiet->detail("v");
  quiet->step_ended("b", Mark::failed, "d", 0ms);
  quiet->warning("w");
  CHECK(out.str() == "failed: b: d\nwarning: w\n");
}

TEST_CASE("colours only where they are wanted") {
  const auto coloured = [](ColorChoice choice, bool terminal_has_them) {
    std::ostringstream out;
    Terminal terminal = no_terminal();
    terminal.color = terminal_has_them;
    ReporterOptions options;
    options.color = choice;
    make_reporter(terminal, options, out)->warning("w");
    return out.str().find('\x1b') != std::string::npos;
  };
  CHECK(coloured(ColorChoice::automatic, true));
  CHECK_FALSE(coloured(ColorChoice::automatic, false));
  CHECK(coloured(ColorChoice::always, false));
  CHECK_FALSE(coloured(ColorChoice::never, true));
}

}  // namespace raibid
