#pragma once

#include "base/error.hpp"
#include "fakes/fake_clock.hpp"
#include "sys/process.hpp"

#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace raibid {

/// Which command lines an expectation answers, and how a failing test names it.
struct ArgvMatcher {
  std::string description;
  std::function<bool(const std::vector<std::string>& argv)> matches;
};

/// Exactly these words.
ArgvMatcher argv_is(std::vector<std::string> words);
/// These words first.
ArgvMatcher argv_starts(std::vector<std::string> words);
/// These words in this order, others before, between and behind them.
ArgvMatcher argv_has(std::vector<std::string> words);
/// A regular expression (ECMAScript) found somewhere in the words joined by spaces.
ArgvMatcher argv_matches(const std::string& expression);

/// What a child of a FakeRunner will do: a list of things that happen, each in a `wait` of its own. Those that are due
/// at the same time happen in the order in which the test wrote them down, whichever child they belong to. A test may
/// add to it while the child runs. A child without an exit stays until it is ended.
class ChildScript {
 public:
  ChildScript& says(std::string out);
  ChildScript& says_err(std::string err);
  ChildScript& exits(int status);
  /// What was written down last happens this long after what is before it (or after the start).
  ChildScript& after(Duration delay);

  bool started() const { return m_started; }
  bool finished() const { return m_finished; }
  /// We ended it, by Process::end or by dropping the Process.
  bool ended_by_us() const { return m_ended_by_us; }
  /// What it was given by Process::feed.
  const std::string& fed() const { return m_fed; }

 private:
  friend class FakeRunner;
  friend class FakeProcess;
  struct Event {
    std::string out, err;
    std::optional<int> status;
    Duration delay{0};
    unsigned long order = 0;
  };
  ChildScript& add(Event event);

  std::vector<Event> m_events;
  std::shared_ptr<unsigned long> m_order;  ///< shared by all scripts of a runner
  std::size_t m_next = 0;
  TimePoint m_last{};
  std::string m_out, m_err, m_fed;
  int m_status = 0;
  bool m_started = false, m_finished = false, m_ended_by_us = false;
};

/// A Runner that starts nothing and answers from a script. A command that nobody expected fails the test and throws; an
/// expectation that nobody used fails it when the runner goes. Expectations may be used in any order, each once; of
/// several that match, the first unused one answers.
class FakeRunner final : public Runner {
 public:
  struct Call {
    std::vector<std::string> argv;
    std::string input;
    std::vector<std::pair<std::string, std::string>> environment;
    std::string line() const;  ///< argv joined by spaces
  };

  FakeRunner() = default;
  FakeRunner(const FakeRunner&) = delete;
  FakeRunner& operator=(const FakeRunner&) = delete;
  ~FakeRunner() override;

  /// A command that says this and ends, in the first `wait` for it (`after` on the answer: that much later).
  ChildScript& expect(ArgvMatcher matcher, Output output = {});
  /// A command that runs on (a watch, a port-forward, one that hangs) and says what the test adds to the script.
  ChildScript& expect_stream(ArgvMatcher matcher);
  /// A command that cannot even be started.
  void expect_error(ArgvMatcher matcher, Error error);

  /// The Nth `wait` from now (1 is the next) throws Interrupted.
  void interrupt_wait(int nth, int signal = SIGINT) { m_interrupts[m_waits + nth] = signal; }
  /// Called at the start of each `wait` with its number, counted from 1.
  void on_wait(std::function<void(int number)> hook) { m_on_wait = std::move(hook); }

  const std::vector<Call>& calls() const { return m_calls; }
  /// The first call whose line has `part` in it; fails the test when there is none.
  const Call& call(std::string_view part) const;
  int waits() const { return m_waits; }
  FakeClock& clock() { return m_clock; }

  std::unique_ptr<Process> start(const Command& command) override;
  bool wait(std::span<Process* const> processes, TimePoint until) override;
  TimePoint now() const override { return m_clock.now(); }

 private:
  struct Expectation {
    ArgvMatcher matcher;
    std::shared_ptr<ChildScript> script;
    std::optional<Error> error;
    bool used = false;
  };
  Expectation& add(ArgvMatcher matcher);
  void happen(ChildScript& script);

  FakeClock m_clock;
  std::vector<Expectation> m_expectations;
  std::shared_ptr<unsigned long> m_order = std::make_shared<unsigned long>(0);
  std::vector<Call> m_calls;
  std::map<int, int> m_interrupts;  ///< wait number → signal
  std::function<void(int)> m_on_wait;
  int m_waits = 0;
};

}  // namespace raibid
