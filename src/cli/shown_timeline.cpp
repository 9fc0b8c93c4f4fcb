#include "cli/shown_timeline.hpp"

#include "sys/process.hpp"
#include "ui/reporter.hpp"

#include <ostream>

namespace raibid {

ShownTimeline::ShownTimeline(const CliDependencies& system, Runner& runner, Reporter& reporter, Shown shown)
    : m_timeline(system.clock),
      m_redis(system.redis, m_timeline),
      m_runner(runner),
      m_at_the_end(shown.at_the_end),
      m_err(system.err) {
  if (shown.questions || shown.answers) {
    m_timeline.listen([&reporter, shown](Timeline::Kind kind, bool ended, const std::string& text) {
      if (kind == Timeline::Kind::redis && !shown.answers) return;
      if (ended && !shown.answers) return;
      reporter.detail((ended ? "  " : kind == Timeline::Kind::request ? "api: " : "run: ") + text);
    });
  }
  runner.record(&m_timeline);
}

ShownTimeline::~ShownTimeline() {
  m_runner.record(nullptr);
  if (m_at_the_end) m_err << m_timeline.text();
}

}  // namespace raibid
