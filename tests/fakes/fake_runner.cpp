#include "fakes/fake_runner.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <exception>
#include <regex>
#include <stdexcept>
#include <utility>

namespace raibid {

namespace {

constexpr int too_many_waits = 100000;

std::string joined(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

/// Fails the test even where the code under test swallows every exception.
[[noreturn]] void fail_test(const std::string& message) {
  FAIL_CHECK(message);
  throw std::logic_error(message);
}

}  // namespace

ArgvMatcher argv_is(std::vector<std::string> words) {
  std::string description = "exactly: " + joined(words);
  return {std::move(description),
          [words = std::move(words)](const std::vector<std::string>& argv) { return argv == words; }};
}

ArgvMatcher argv_starts(std::vector<std::string> words) {
  std::string description = "starts with: " + joined(words);
  return {std::move(description), [words = std::move(words)](const std::vector<std::string>& argv) {
            return argv.size() >= words.size() && std::equal(words.begin(), words.end(), argv.begin());
          }};
}

ArgvMatcher argv_has(std::vector<std::string> words) {
  std::string description = "has in this order: " + joined(words);
  return {std::move(description), [words = std::move(words)](const std::vector<std::string>& argv) {
            auto from = argv.begin();
            for (const std::string& word : words) {
              from = std::find(from, argv.end(), word);
              if (from == argv.end()) return false;
              ++from;
            }
            return true;
          }};
}

ArgvMatcher argv_matches(const std::string& expression) {
  return {"matches: " + expression, [pattern = std::regex(expression)](const std::vector<std::string>& argv) {
            return std::regex_search(joined(argv), pattern);
          }};
}

ChildScript& ChildScript::add(Event event) {
  event.order = (*m_order)++;
  m_events.push_back(std::move(event));
  return *this;
}

ChildScript& ChildScript::says(std::string out) { return add({.out = std::move(out), .err = {}, .status = {}}); }
ChildScript& ChildScript::says_err(std::string err) { return add({.out = {}, .err = std::move(err), .status = {}}); }
ChildScript& ChildScript::exits(int status) { return add({.out = {}, .err = {}, .status = status}); }

ChildScript& ChildScript::after(Duration delay) {
  if (m_events.empty()) fail_test("ChildScript::after stands behind what it delays");
  m_events.back().delay = delay;
  return *this;
}

class FakeProcess final : public Process {
 public:
  explicit FakeProcess(std::shared_ptr<ChildScript> script) : m_script(std::move(script)) {}
  ~FakeProcess() override { end(); }

  bool finished() const override { return m_script->m_finished; }
  int status() const override { return m_script->m_status; }
  std::string& out() override { return m_script->m_out; }
  std::string& err() override { return m_script->m_err; }
  void feed(std::string rest) override { m_script->m_fed += rest; }
  void end() override {
    if (m_script->m_finished) return;
    m_script->m_finished = m_script->m_ended_by_us = true;
    m_script->m_status = 128 + SIGTERM;
  }

  ChildScript& script() { return *m_script; }

 private:
  std::shared_ptr<ChildScript> m_script;
};

std::string FakeRunner::Call::line() const { return joined(argv); }

FakeRunner::~FakeRunner() {
  if (std::uncaught_exceptions() > 0) return;  // the test has failed already, and for a better reason
  for (const Expectation& expectation : m_expectations) {
    if (!expectation.used) FAIL_CHECK("FakeRunner: nobody ran what was expected: " << expectation.matcher.description);
  }
}

FakeRunner::Expectation& FakeRunner::add(ArgvMatcher matcher) {
  auto script = std::make_shared<ChildScript>();
  script->m_order = m_order;
  m_expectations.push_back({.matcher = std::move(matcher), .script = std::move(script), .error = {}});
  return m_expectations.back();
}

ChildScript& FakeRunner::expect(ArgvMatcher matcher, Output output) {
  ChildScript& script = *add(std::move(matcher)).script;
  return script.add({.out = std::move(output.out), .err = std::move(output.err), .status = output.status});
}

ChildScript& FakeRunner::expect_stream(ArgvMatcher matcher) { return *add(std::move(matcher)).script; }

void FakeRunner::expect_error(ArgvMatcher matcher, Error error) { add(std::move(matcher)).error = std::move(error); }

const FakeRunner::Call& FakeRunner::call(std::string_view part) const {
  for (const Call& call : m_calls) {
    if (call.line().find(part) != std::string::npos) return call;
  }
  fail_test("FakeRunner: nobody ran anything with: " + std::string(part));
}

std::unique_ptr<Process> FakeRunner::start(const Command& command) {
  m_calls.push_back({command.argv, command.input, command.environment});
  const auto found = std::find_if(m_expectations.begin(), m_expectations.end(), [&](const Expectation& expectation) {
    return !expectation.used && expectation.matcher.matches(command.argv);
  });
  if (found == m_expectations.end()) fail_test("FakeRunner: nobody expected: " + m_calls.back().line());
  found->used = true;
  if (found->error) throw *found->error;
  found->script->m_started = true;
  found->script->m_last = m_clock.now();
  return std::make_unique<FakeProcess>(found->script);
}

bool FakeRunner::wait(std::span<Process* const> processes, TimePoint until) {
  if (++m_waits > too_many_waits) fail_test("FakeRunner: this wait loop does not end");
  if (m_on_wait) m_on_wait(m_waits);
  if (const auto interrupt = m_interrupts.find(m_waits); interrupt != m_interrupts.end()) {
    throw Interrupted(interrupt->second);
  }
  ChildScript* next = nullptr;
  std::pair<TimePoint, unsigned long> earliest;
  for (Process* process : processes) {
    if (process == nullptr || process->finished()) continue;
    ChildScript& script = dynamic_cast<FakeProcess&>(*process).script();
    if (script.m_next == script.m_events.size()) continue;
    const ChildScript::Event& event = script.m_events[script.m_next];
    const std::pair<TimePoint, unsigned long> when{std::max(script.m_last + event.delay, m_clock.now()), event.order};
    if (next == nullptr || when < earliest) {
      next = &script;
      earliest = when;
    }
  }
  if (next == nullptr && until == TimePoint::max())
    fail_test("FakeRunner: this waits for ever: no child has anything left to say");
  if (next == nullptr || earliest.first > until) {
    m_clock.advance_to(until);
    return false;
  }
  m_clock.advance_to(earliest.first);
  happen(*next);
  return true;
}

void FakeRunner::happen(ChildScript& script) {
  const ChildScript::Event& event = script.m_events[script.m_next++];
  script.m_last += event.delay;
  script.m_out += event.out;
  script.m_err += event.err;
  if (event.status) {
    script.m_finished = true;
    script.m_status = *event.status;
  }
}

}  // namespace raibid
