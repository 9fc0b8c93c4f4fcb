#include "tools/retry.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <string>

namespace raibid {

namespace {

constexpr Duration first_pause = std::chrono::milliseconds(250);
constexpr Duration longest_pause = std::chrono::seconds(4);
/// An etcd has a new leader after a few seconds.
constexpr Duration worth_trying = std::chrono::seconds(30);

/// As kubectl and helm print the API server's Status (k8s.io/apimachinery, api/errors) and etcd's own errors.
constexpr std::array<std::string_view, 14> passing_signs = {"(TooManyRequests)",
                                                            "oo many requests",
                                                            "(InternalError)",
                                                            "Internal error occurred",
                                                            "an error on the server (",
                                                            "(ServiceUnavailable)",
                                                            "currently unable to handle the request",
                                                            "(ServerTimeout)",
                                                            "could not be completed at this time",
                                                            "unable to return a response in the time allotted",
                                                            "etcdserver: request timed out",
                                                            "etcdserver: leader changed",
                                                            "etcdserver: no leader",
                                                            "apiserver is shutting down"};

/// An API behind the server (metrics.k8s.io) that is down stays down as long as a run takes.
constexpr std::string_view part_is_away = "unable to retrieve the complete list of server APIs";

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// The N of "after N seconds", "in Ns", "retryAfterSeconds":N; zero when there is none.
Duration asked_pause(std::string_view text) {
  for (const std::string_view words : {"again after ", "again in ", "etry after ", "etry in ",
                                       "etry-After: ", "retryAfterSeconds\":", "etryAfterSeconds: "}) {
    const std::size_t at = text.find(words);
    if (at == std::string_view::npos) continue;
    const char* const begin = text.data() + at + words.size();
    int seconds = 0;
    const auto [end, error] = std::from_chars(begin, text.data() + text.size(), seconds);
    if (error == std::errc() && end != begin && seconds > 0) return std::chrono::seconds(seconds);
  }
  return Duration(0);
}

/// One command and its attempts.
struct Asked {
  const Command* command = nullptr;
  std::unique_ptr<Process> process{};
  TimePoint started{};
  TimePoint again_at{};
  Duration pause = first_pause;
  Output output{};
  bool settled = false;
};

}  // namespace

std::optional<Duration> passing_failure(std::string_view text) {
  if (has(text, part_is_away)) return std::nullopt;
  const bool passes =
      std::any_of(passing_signs.begin(), passing_signs.end(), [&](std::string_view sign) { return has(text, sign); });
  if (!passes) return std::nullopt;
  return asked_pause(text);
}

namespace {

/// 429, and the server's own errors (RFC 9110, 15.6), but not 501 (Not Implemented). 500 without a reason is also said
/// of an object that cannot be read (a server-side apply, tried), so that its words decide: etcd's come that way.
bool passes(const ApiFailure& failure) {
  if (failure.code == 500) return failure.reason == "InternalError" || passing_failure(failure.message);
  return failure.code == 429 || (failure.code > 501 && failure.code < 600);
}

}  // namespace

std::optional<Duration> passing_failure(const Output& output) {
  if (output.failures.empty()) return passing_failure(output.err);
  std::optional<Duration> longest;
  for (const ApiFailure& failure : output.failures) {
    if (passes(failure)) longest = std::max(longest.value_or(Duration(0)), failure.retry_after);
  }
  return longest;
}

std::optional<Duration> passing_failure(Process& process) {
  return passing_failure(Output{process.status(), {}, process.err(), false, process.failures()});
}

namespace {

class Asking {
 public:
  Asking(Runner& runner, std::span<const Command> commands, ClusterPace& pace, const AnswerBy& until)
      : m_runner(runner), m_pace(pace), m_until(until), m_give_up(runner.now() + worth_trying) {
    for (const Command& command : commands) {
      m_all.push_back({&command});
      start(m_all.back());
    }
  }

  std::vector<Output> answers() {
    for (;;) {
      look();
      if (std::all_of(m_all.begin(), m_all.end(), [](const Asked& one) { return one.settled; })) break;
      if (m_runner.now() >= m_until()) {
        stop();
        break;
      }
      wait();
    }
    std::vector<Output> outputs;
    for (Asked& one : m_all) outputs.push_back(std::move(one.output));
    return outputs;
  }

 private:
  void start(Asked& one) {
    one.started = m_runner.now();
    one.process = m_runner.start(*one.command);
  }

  void look() {
    for (Asked& one : m_all) {
      if (one.settled) continue;
      if (!one.process && m_runner.now() >= one.again_at) start(one);
      if (one.process && one.process->finished()) take(one);
    }
  }

  void take(Asked& one) {
    one.output = finish(m_runner, *one.process, m_runner.now());
    one.process.reset();
    const TimePoint now = m_runner.now();
    if (one.output.ok() && one.command->only_reads && !m_measured) {
      m_measured = true;
      m_pace.answered(std::chrono::duration_cast<Duration>(now - one.started));
    }
    const auto asked = one.command->repeatable && !one.output.ok() ? passing_failure(one.output) : std::nullopt;
    one.again_at = now + std::max(one.pause, asked.value_or(Duration(0)));
    one.pause = std::min(one.pause * 2, longest_pause);
    one.settled = !asked || one.again_at >= std::min(m_give_up, m_until());
  }

  void wait() {
    std::vector<Process*> running;
    TimePoint until = m_until();
    for (const Asked& one : m_all) {
      if (one.process) {
        running.push_back(one.process.get());
      } else if (!one.settled) {
        until = std::min(until, one.again_at);
      }
    }
    m_runner.wait(running, until);
  }

  /// The time is over: what still runs is ended, and what failed last is the answer.
  void stop() {
    for (Asked& one : m_all) {
      if (one.process) one.output = finish(m_runner, *one.process, m_runner.now());
    }
  }

  Runner& m_runner;
  ClusterPace& m_pace;
  const AnswerBy& m_until;
  TimePoint m_give_up;
  std::vector<Asked> m_all;
  bool m_measured = false;
};

}  // namespace

std::vector<Output> run_patiently(Runner& runner, std::span<const Command> commands, ClusterPace& pace,
                                  const AnswerBy& until) {
  return Asking(runner, commands, pace, until).answers();
}

}  // namespace raibid
