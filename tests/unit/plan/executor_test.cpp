#include "plan/executor.hpp"
#include "base/error.hpp"
#include "fakes/fake_clock.hpp"
#include "fakes/fake_reporter.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "sys/signals.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace raibid;
using namespace std::chrono_literals;

namespace {

using Strings = std::vector<std::string>;

/// A world in which steps make things, and undos remove them.
struct Fixture {
  TemporaryDirectory parent{fs::temp_directory_path()};
  fs::path folder = parent.path() / "journal";
  FakeClock clock;
  FakeReporter reporter;
  Signals signals;
  Strings happened;
  std::set<std::string> broken;  ///< undos of these fail
  std::function<void(const std::string&)> on_undo = [](const std::string&) {};
  std::string evidence = "/evidence/1";
  bool keep = false;
  std::string run;
  std::optional<std::string> owner;  ///< someone else who has the lock now
  int looks = 0;                     ///< at the lock
  std::set<std::string> kept;        ///< undos of these find that the thing is not theirs
  const UndoTable table{{"remove", [this](const std::map<std::string, std::string>& arguments) {
                           const std::string& name = arguments.at("name");
                           happened.push_back("undo " + name);
                           on_undo(name);
                           if (kept.contains(name)) throw Kept(name + " is another run's");
                           if (broken.contains(name)) throw Error(ExitCode::failure, name + " is stuck");
                         }}};

  Journal journal() const {
    return Journal::open(ChangeGuard(false), folder, "k", {"setup redis", "here", 1, "box", "now"});
  }
  bool journal_left() const { return fs::exists(folder / "k.journal"); }

  Undo undo(const std::string& name) const {
    return {.action = "remove", .arguments = {{"name", name}}, .command = "rm " + name};
  }

  /// A step that makes `name`, then does `then`.
  Step makes(
      const std::string& name, std::function<void()> then = [] {}) {
    return {.name = name,
            .intent = {},
            .undo = [this, name] { return std::vector<Undo>{undo(name)}; },
            .act =
                [this, name, then] {
                  happened.push_back("do " + name);
                  then();
                  return StepResult{Outcome::changed, name + " made"};
                }};
  }

  static Step checks(const std::string& name, std::function<void()> act) {
    return {.name = name, .intent = {}, .undo = {}, .act = [act] {
              act();
              return StepResult{Outcome::unchanged, "fine"};
            }};
  }

  Executor executor() {
    return Executor({.clock = clock,
                     .signals = signals,
                     .reporter = reporter,
                     .undo_table = table,
                     .keep_evidence =
                         [this](const Error& error) {
                           happened.push_back("evidence: " + error.message());
                           return evidence;
                         },
                     .keep_on_failure = keep,
                     .still_ours = [this](Before) -> std::optional<Error> {
                       ++looks;
                       if (!owner) return std::nullopt;
                       return Error(ExitCode::preflight, *owner + " is at work", "wait for it");
                     },
                     .run = run});
  }

  void execute(const Plan& plan) {
    Journal log = journal();
    executor().run(plan, log);
  }

  Error failure_of(const Plan& plan) {
    Journal log = journal();
    try {
      executor().run(plan, log);
    } catch (const Error& error) {
      return error;
    }
    FAIL("the plan did not fail");
    return Error(ExitCode::ok, "");
  }
};

std::function<void()> throws(ExitCode code, const std::string& message = "broken") {
  return [=] { throw Error(code, message, "mend it"); };
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a plan that works is reported step by step and leaves no journal") {
  Journal log = journal();
  const Plan plan{checks("preflight", [&] { clock.advance(300ms); }), makes("namespace", [&] { clock.advance(50ms); })};
  CHECK(executor().run(plan, log).changed);
  CHECK(reporter.lines == Strings{"started: preflight", "unchanged: preflight: fine", "started: namespace",
                                  "done: namespace: namespace made"});
  CHECK(reporter.elapsed["preflight"] == 300ms);
  CHECK(reporter.elapsed["namespace"] == 50ms);
  CHECK_FALSE(journal_left());
}

TEST_CASE_FIXTURE(Fixture, "a plan that changes nothing says so") {
  Journal log = journal();
  CHECK_FALSE(executor().run({checks("a", [] {}), checks("b", [] {})}, log).changed);
  CHECK_FALSE(journal_left());
}

TEST_CASE_FIXTURE(Fixture, "the undo is durable before the act") {
  Journal log = journal();
  std::string seen;
  executor().run({makes("a", [&] { seen = read_file(folder / "k.journal").value(); })}, log);
  CHECK(seen.find("rm a") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a failure undoes everything, newest first, with that of the step that failed") {
  const Error error = failure_of({makes("a"), makes("b"), makes("c", throws(ExitCode::failure)), makes("d")});
  CHECK(error.code() == ExitCode::rolled_back);
  CHECK(error.message() == "broken");
  CHECK(error.hint() == "mend it\ndiagnostics saved to /evidence/1");
  CHECK(happened == Strings{"do a", "do b", "do c", "evidence: broken", "undo c", "undo b", "undo a"});
  CHECK(reporter.has("failed: c: broken"));
  CHECK(reporter.has("done: rollback: 3 undone"));
  CHECK_FALSE(journal_left());
}

TEST_CASE_FIXTURE(Fixture, "several undos of one step are undone newest first") {
  Step step = makes("x", throws(ExitCode::failure));
  step.undo = [this] { return std::vector<Undo>{undo("first"), undo("second")}; };
  failure_of({step});
  CHECK(happened == Strings{"do x", "evidence: broken", "undo second", "undo first"});
}

TEST_CASE_FIXTURE(Fixture, "a failure that changed nothing rolls nothing back") {
  for (const auto& [thrown, expected] :
       std::vector<std::pair<ExitCode, ExitCode>>{{ExitCode::failure, ExitCode::failure},
                                                  {ExitCode::preflight, ExitCode::preflight},
                                                  {ExitCode::usage, ExitCode::usage},
                                                  {ExitCode::not_installed, ExitCode::failure}}) {
    const Error error = failure_of({checks("preflight", throws(thrown))});
    CHECK(error.code() == expected);
    CHECK(error.hint() == "mend it");
    CHECK_FALSE(journal_left());
  }
  CHECK(happened.empty());
  CHECK_FALSE(reporter.has("rollback"));
}

TEST_CASE_FIXTURE(Fixture, "a preflight error after a change is a rollback like any other") {
  CHECK(failure_of({makes("a"), checks("b", throws(ExitCode::preflight))}).code() == ExitCode::rolled_back);
}

TEST_CASE_FIXTURE(Fixture, "a step whose undo cannot be found out does not act") {
  Step step = makes("b");
  step.undo = []() -> std::vector<Undo> { throw Error(ExitCode::failure, "no answer"); };
  CHECK(failure_of({makes("a"), step}).code() == ExitCode::rolled_back);
  CHECK(happened == Strings{"do a", "evidence: no answer", "undo a"});
}

TEST_CASE_FIXTURE(Fixture, "an exception that is no Error leaves nothing behind either") {
  const Error error = failure_of({makes("a", [] { throw std::runtime_error("a bug"); })});
  CHECK(error.code() == ExitCode::rolled_back);
  CHECK(error.message() == "a bug");
  CHECK(happened.back() == "undo a");
}

TEST_CASE_FIXTURE(Fixture, "an undo that fails does not keep the others from being undone, and what remains is said") {
  broken = {"b"};
  const Error error = failure_of({makes("a"), makes("b"), makes("c", throws(ExitCode::failure))});
  CHECK(error.code() == ExitCode::remains);
  CHECK(error.message() == "broken");
  CHECK(error.hint() ==
        "mend it\ndiagnostics saved to /evidence/1\nb is stuck\nwhat remains can be removed with:\n  rm b");
  CHECK(reporter.has("failed: rollback: 2 of 3 undone"));
  CHECK(journal_left());
  const Journal log = journal();
  REQUIRE(log.pending().size() == 1);
  CHECK(log.pending()[0].command == "rm b");
}

TEST_CASE_FIXTURE(Fixture, "a signal between steps rolls back and keeps its own code") {
  CHECK(test::signal_of([&] { execute({makes("a", [] { ::raise(SIGTERM); }), makes("b")}); }) == SIGTERM);
  CHECK(happened == Strings{"do a", "undo a"});
  CHECK(signals.pending() == 0);
  CHECK_FALSE(journal_left());
}

TEST_CASE_FIXTURE(Fixture, "a signal before anything was changed keeps its code, too") {
  ::raise(SIGHUP);
  CHECK(test::signal_of([&] { execute({makes("a")}); }) == SIGHUP);
  CHECK(happened.empty());
  CHECK_FALSE(journal_left());
}

TEST_CASE_FIXTURE(Fixture, "a signal that comes after the last act does not undo what is complete") {
  Journal log = journal();
  CHECK(executor().run({makes("a", [] { ::raise(SIGTERM); })}, log).changed);
  CHECK_FALSE(journal_left());
}

TEST_CASE_FIXTURE(Fixture, "a second signal during the rollback stops it at once and says what remains") {
  on_undo = [](const std::string& name) {
    if (name == "c") ::raise(SIGINT);
  };
  const Error error = failure_of({makes("a"), makes("b"), makes("c", [] { ::raise(SIGTERM); }), makes("d")});
  CHECK(error.code() == ExitCode::remains);
  CHECK(error.message() == "interrupted (SIGTERM)");
  CHECK(happened.back() == "undo c");
  CHECK(error.hint() ==
        "rollback stopped: interrupted (SIGINT)\n"
        "what remains can be removed with:\n  rm b\n  rm a");
  CHECK(journal().pending().size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "a second signal that ends an undo in its middle leaves that one on the list") {
  on_undo = [this](const std::string& name) {
    if (name != "b") return;
    ::raise(SIGINT);
    signals.check();
  };
  const Error error = failure_of({makes("a"), makes("b", throws(ExitCode::failure))});
  CHECK(error.code() == ExitCode::remains);
  CHECK(error.hint().find("\n  rm b\n  rm a") != std::string::npos);
  CHECK(happened.back() == "undo b");
}

TEST_CASE_FIXTURE(Fixture, "a signal while evidence is kept counts as the second") {
  Journal log = journal();
  Executor executor({.clock = clock,
                     .signals = signals,
                     .reporter = reporter,
                     .undo_table = table,
                     .keep_evidence = [](const Error&) -> std::string {
                       ::raise(SIGINT);
                       return "";
                     },
                     .keep_on_failure = false});
  try {
    executor.run({makes("a", throws(ExitCode::failure))}, log);
    FAIL_CHECK("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::remains);
  }
  CHECK(happened == Strings{"do a"});
}

TEST_CASE_FIXTURE(Fixture, "with keep_on_failure nothing is undone, and everything is said") {
  keep = true;
  evidence = "";
  const Error error = failure_of({makes("a"), makes("b", throws(ExitCode::failure))});
  CHECK(error.code() == ExitCode::remains);
  CHECK(error.hint() == "mend it\nwhat remains can be removed with:\n  rm b\n  rm a");
  CHECK(happened == Strings{"do a", "do b", "evidence: broken"});
  CHECK(journal().pending().size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "recover undoes what a killed run left, and a second time when it was killed itself") {
  {
    Journal killed = journal();
    for (const char* name : {"a", "b", "c"}) killed.record(undo(name));
  }
  {
    on_undo = [](const std::string& name) {
      if (name == "b") throw std::bad_alloc();  // as far as it got
    };
    Journal log = journal();
    CHECK_THROWS_AS(executor().recover(log), Error);
    CHECK(happened == Strings{"undo c", "undo b", "undo a"});
  }
  on_undo = [](const std::string&) {};
  Journal log = journal();
  CHECK(log.pending().size() == 1);
  executor().recover(log);
  CHECK(happened.back() == "undo b");
  CHECK(log.pending().empty());
  CHECK(reporter.has("done: recovery: 1 undone"));
  CHECK(journal_left());
  reporter.lines.clear();
  executor().recover(log);
  CHECK(reporter.lines.empty());
}

TEST_CASE_FIXTURE(Fixture, "recover says what it cannot undo, also when it does not know how") {
  {
    Journal killed = journal();
    killed.record(undo("a"));
    killed.record({.action = "from-the-future", .arguments = {}, .command = "rm future"});
  }
  Journal log = journal();
  try {
    executor().recover(log);
    FAIL_CHECK("recovered");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::remains);
    CHECK(error.hint() ==
          "this version cannot undo \"from-the-future\"\nwhat remains can be removed with:\n  rm future");
  }
  CHECK(happened == Strings{"undo a"});
}

TEST_CASE_FIXTURE(Fixture, "a signal stops a recovery, which goes on the next time") {
  {
    Journal killed = journal();
    killed.record(undo("a"));
  }
  ::raise(SIGINT);
  {
    Journal log = journal();
    CHECK_THROWS_AS(executor().recover(log), Error);
    CHECK(happened.empty());
  }
  CHECK(journal().pending().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "the lock is looked at before each act and each undo") {
  Journal log = journal();
  executor().run({checks("a", [this] { CHECK(looks == 1); }), makes("b", [this] { CHECK(looks == 2); })}, log);
  CHECK(looks == 2);
  looks = 0;
  on_undo = [this](const std::string& name) { CHECK(looks == (name == "b" ? 4 : 5)); };
  failure_of({makes("a"), makes("b", throws(ExitCode::failure))});  // two acts, one look before the undos
  CHECK(looks == 5);
}

TEST_CASE_FIXTURE(Fixture, "a run that lost its lock before its first act has changed nothing") {
  owner = "web-2";
  const Error error = failure_of({makes("a"), makes("b")});
  CHECK(error.code() == ExitCode::preflight);
  CHECK(error.message() == "web-2 is at work");
  CHECK(error.hint() == "wait for it\nthis run stopped and changed nothing");
  CHECK(happened.empty());
  CHECK_FALSE(journal_left());
}

TEST_CASE_FIXTURE(Fixture, "a run that loses its lock stops, undoes nothing and leaves its journal") {
  for (const bool lost_in_act : {true, false}) {
    CAPTURE(lost_in_act);
    happened.clear();
    owner.reset();
    const auto lose = [this, lost_in_act] {
      owner = "web-2";
      if (lost_in_act) throw Error(ExitCode::failure, "not ready in time");
    };
    const Error error = failure_of({makes("a", lose), makes("b")});
    CHECK(error.code() == ExitCode::remains);
    CHECK(error.message() == "web-2 is at work");
    CHECK(error.hint() == "wait for it\nthis run stopped: what it did before stays, and nothing was undone");
    CHECK(happened == Strings{"do a"});  // no evidence of someone else's, no undo
    REQUIRE(journal_left());
    Journal log = journal();
    REQUIRE(log.pending().size() == 1);
    CHECK(log.pending()[0].command == "rm a");
    log.close();
  }
}

TEST_CASE_FIXTURE(Fixture, "a rollback that loses the lock stops") {
  on_undo = [this](const std::string& name) {
    if (name == "b") owner = "web-2";
  };
  const Error error = failure_of({makes("a"), makes("b", throws(ExitCode::failure))});
  CHECK(error.code() == ExitCode::remains);
  CHECK(error.message() == "web-2 is at work");
  CHECK(happened.back() == "undo b");
  CHECK(reporter.has("failed: rollback: 1 of 2 undone"));
}

TEST_CASE_FIXTURE(Fixture, "a recovery that has no lock undoes nothing") {
  {
    Journal killed = journal();
    killed.record(undo("a"));
  }
  owner = "web-2";
  Journal log = journal();
  try {
    executor().recover(log);
    FAIL_CHECK("recovered");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::preflight);
    CHECK(error.message() == "web-2 is at work");
  }
  CHECK(happened.empty());
  CHECK(log.pending().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "an undo before which nobody can say who has the lock is not run, and remains") {
  Journal log = journal();
  Executor executor({.clock = clock,
                     .signals = signals,
                     .reporter = reporter,
                     .undo_table = table,
                     .keep_evidence = {},
                     .keep_on_failure = false,
                     .still_ours = [](Before what) -> std::optional<Error> {
                       if (what == Before::undo) throw Error(ExitCode::preflight, "no answer");
                       return std::nullopt;
                     }});
  try {
    executor.run({makes("a", throws(ExitCode::failure))}, log);
    FAIL_CHECK("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::remains);
    CHECK(error.hint().find("no answer") != std::string::npos);
  }
  CHECK(happened == Strings{"do a"});
}

TEST_CASE_FIXTURE(Fixture, "every undo is recorded with the id of its run") {
  run = "0123";
  Journal log = journal();
  std::string seen;
  executor().run({makes("a", [&] { seen = log.pending().at(0).arguments.at(run_argument); })}, log);
  CHECK(seen == "0123");
}

TEST_CASE_FIXTURE(Fixture, "what is not this run's is kept: the entry is dropped and the reason is said once") {
  {
    Journal killed = journal();
    for (const char* name : {"a", "b", "b", "c"}) killed.record(undo(name));
  }
  kept = {"b", "c"};
  Journal log = journal();
  executor().recover(log);
  CHECK(log.pending().empty());
  CHECK(reporter.has("done: recovery: 1 of 4 undone, 3 kept"));
  CHECK(std::count(reporter.lines.begin(), reporter.lines.end(), "note: b is another run's") == 1);
  CHECK(reporter.has("note: c is another run's"));
}
