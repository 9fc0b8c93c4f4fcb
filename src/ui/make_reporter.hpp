#pragma once

#include <chrono>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>

#include "ui/reporter.hpp"
#include "ui/terminal.hpp"

namespace raibid {

enum class ColorChoice { automatic, always, never };

struct ReporterOptions {
  ColorChoice color = ColorChoice::automatic;
  bool quiet = false;    ///< only warnings and errors (and questions)
  bool verbose = false;  ///< details as well
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
  /// A line of the user's, std::nullopt at the end of input or when a signal comes.
  std::function<std::optional<std::string>()> read_line = read_standard_input_line;

  static std::optional<std::string> read_standard_input_line();
};

/// The reporter for `terminal`, writing to `out` (stderr), which must outlive it. On a terminal a step is a line that
/// is rewritten while it goes on; elsewhere each change of state is a line of its own, and nothing is ever asked. A
/// terminal that cannot rewrite (TERM=dumb) gets plain lines, and questions.
std::unique_ptr<Reporter> make_reporter(const Terminal& terminal, ReporterOptions options, std::ostream& out);

}  // namespace raibid
