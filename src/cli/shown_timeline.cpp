#include "cli/shown_timeline.hpp"

#include "sys/process.hpp"

#include <ostream>

namespace raibid {

ShownTimeline::ShownTimeline(const CliDependencies& system, Runner& runner)
    : m_timeline(system.clock), m_redis(system.redis, m_timeline), m_runner(runner), m_err(system.err) {
  runner.record(&m_timeline);
}

ShownTimeline::~ShownTimeline() {
  m_runner.record(nullptr);
  m_err << m_timeline.text();
}

}  // namespace raibid
