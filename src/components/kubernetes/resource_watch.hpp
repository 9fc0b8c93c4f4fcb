#pragma once

#include "sys/clock.hpp"
#include "sys/process.hpp"
#include "tools/kubectl.hpp"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace raibid {

/// One `kubectl get -w`, kept going: when it ends (the API server closed it, restarts, or someone killed it) another
/// is started, at once or after a growing pause. Each child first says what is there, then what changes.
class ResourceWatch {
 public:
  ResourceWatch(Runner& runner, const Clock& clock, const Kubectl& kubectl, std::string kind,
                const std::string& selector);

  void start();
  /// For Runner::wait; null while it pauses.
  Process* process() const { return m_process && !m_process->finished() ? m_process.get() : nullptr; }

  /// `listed`: it was there when this child began to watch, as far as can be told.
  using Receiver = std::function<void(const std::string& type, const nlohmann::json& object, bool listed)>;
  /// Takes in what the child has said, and starts the next one when it is time. Throws Error when the server refuses
  /// the watch again and again.
  void pump(const Receiver& receive);

  const std::string& kind() const { return m_kind; }
  /// How many children there have been.
  int generation() const { return m_generation; }
  /// What was there when this child began has been said.
  bool listing_over() const { return !m_listing; }
  /// How long this child has run; zero while there is none.
  Duration age() const;

  /// Since when no child has had an answer, and kubectl's Error for it.
  struct Outage {
    TimePoint since;
    int tries = 0;
    Command command;
    Output last;
  };
  const std::optional<Outage>& outage() const { return m_outage; }
  /// Someone else had an answer from the server while this child was running: it runs, and there is nothing to say.
  void reached();

 private:
  void launch();
  void read(const Receiver& receive);
  void ended();
  void failed(Output output);
  void pause();
  void refuse_for_good() const;

  Runner& m_runner;
  const Clock& m_clock;
  std::string m_kind;
  Command m_command;
  std::unique_ptr<Process> m_process;
  WatchParser m_parser;
  int m_generation = 0;
  TimePoint m_started{};
  TimePoint m_next_start{};
  TimePoint m_last_word{};
  bool m_said_something = false;  ///< this child
  bool m_listing = true;
  std::size_t m_unread = 0;  ///< bytes of an unfinished document
  Duration m_pause;
  std::optional<Outage> m_outage;
};

}  // namespace raibid
