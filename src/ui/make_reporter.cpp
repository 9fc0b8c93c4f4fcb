#include "ui/make_reporter.hpp"

#include "ui/plain_reporter.hpp"
#include "ui/terminal_reporter.hpp"

namespace raibid {

std::unique_ptr<Reporter> make_reporter(const Terminal& terminal, ReporterOptions options, std::ostream& out) {
  if (terminal.rewrites) return std::make_unique<TerminalReporter>(terminal, std::move(options), out);
  return std::make_unique<PlainReporter>(terminal, std::move(options), out);
}

}  // namespace raibid
