#pragma once

#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "components/component.hpp"
#include "sys/clock.hpp"
#include "sys/environment.hpp"
#include "ui/terminal.hpp"

namespace raibid {

class Random;
class RedisConnector;
class Runner;
class Signals;

/// What a command line runs on: the system's in main, made up in tests.
struct CliDependencies {
  std::ostream& out;  ///< results
  std::ostream& err;  ///< progress, warnings, errors
  Terminal terminal;
  Environment environment;
  Runner& runner;
  const Clock& clock;
  Random& random;
  Signals& signals;
  RedisConnector& redis;
};

/// Runs a command line (without the program's name) and returns the exit code. Every error ends here: its message and
/// hint go to `err`.
int run_cli(std::span<const std::string> arguments, const CliDependencies& dependencies,
            const std::vector<Component>& components);

}  // namespace raibid
