#include "components/kubernetes/resource_watch.hpp"

#include "base/error.hpp"
#include "components/kubernetes/json_view.hpp"
#include "tools/failures.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace raibid {

namespace {

using std::chrono::milliseconds;

constexpr Duration shortest_pause = milliseconds(100);
constexpr Duration longest_pause = std::chrono::seconds(5);
/// kubectl prints what is there in one go. A silence of that length ends it.
constexpr Duration end_of_list = milliseconds(150);
/// A child that ends before this without a word has not watched anything.
constexpr Duration shortest_watch = std::chrono::seconds(1);
/// A server that has just started refuses what it will soon allow: its rules are not loaded yet.
constexpr int refusals_in_a_row = 4;

}  // namespace

ResourceWatch::ResourceWatch(Runner& runner, const Clock& clock, const Kubectl& kubectl, std::string kind,
                             const std::string& selector)
    : m_runner(runner),
      m_clock(clock),
      m_kind(std::move(kind)),
      m_command(kubectl.watch(m_kind, selector)),
      m_pause(shortest_pause) {}

void ResourceWatch::start() {
  if (!m_process) launch();
}

Duration ResourceWatch::age() const {
  return process() != nullptr ? std::chrono::duration_cast<Duration>(m_clock.now() - m_started) : Duration(0);
}

void ResourceWatch::launch() {
  m_process = m_runner.start(m_command);
  m_parser = WatchParser();
  m_started = m_last_word = m_clock.now();
  m_said_something = false;
  m_listing = true;
  m_unread = 0;
  ++m_generation;
}

void ResourceWatch::pump(const Receiver& receive) {
  if (!m_process) {
    if (m_clock.now() >= m_next_start) launch();
    return;
  }
  if (m_listing && m_said_something && m_unread == 0 && m_clock.now() - m_last_word >= end_of_list) m_listing = false;
  try {
    read(receive);
  } catch (const Error& error) {
    failed({1, {}, error.message()});
    return;
  }
  if (m_process->finished()) ended();
}

void ResourceWatch::read(const Receiver& receive) {
  std::string& said = m_process->out();
  if (said.size() == m_unread) return;
  m_last_word = m_clock.now();
  for (const nlohmann::json& document : m_parser.take(said)) {
    const std::string type = text_at(document, {"type"});
    const nlohmann::json& object = at(document, {"object"});
    if (type == "ERROR") throw Error(ExitCode::failure, text_at(object, {"message"}));
    if (type != "ADDED") m_listing = false;
    m_said_something = true;
    m_outage.reset();
    receive(type, object, m_listing);
  }
  m_unread = said.size();
}

void ResourceWatch::ended() {
  const Output output{m_process->status(), {}, m_process->err(), false, m_process->failures()};
  const bool watched = m_said_something || m_clock.now() - m_started >= shortest_watch;
  if (output.status != 0 || !watched) return failed(output);
  pause();  // the server closes a watch after half an hour or so
}

void ResourceWatch::pause() {
  const bool short_lived = m_clock.now() - m_started < shortest_watch;
  if (!short_lived) m_pause = shortest_pause;
  m_process.reset();
  m_next_start = m_clock.now() + m_pause;
  m_pause = std::min(2 * m_pause, longest_pause);
}

void ResourceWatch::failed(Output output) {
  if (!m_outage) m_outage = Outage{m_clock.now(), 0, m_command, {}};
  ++m_outage->tries;
  const bool refused = was_refused(output) && (m_outage->tries == 1 || was_refused(m_outage->last));
  m_outage->last = std::move(output);
  pause();
  if (refused && m_outage->tries >= refusals_in_a_row) refuse_for_good();
}

void ResourceWatch::refuse_for_good() const {
  throw Kubectl::explain(m_outage->command, m_outage->last).during("watching " + m_kind);
}

void ResourceWatch::reached() {
  if (process() == nullptr || age() < shortest_watch) return;
  m_outage.reset();
  m_listing = false;
}

}  // namespace raibid
