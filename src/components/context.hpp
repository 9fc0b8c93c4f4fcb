#pragma once

#include <iosfwd>
#include <memory>

#include "components/scope.hpp"
#include "config/preset.hpp"
#include "config/settings.hpp"
#include "sys/clock.hpp"
#include "sys/environment.hpp"
#include "sys/files.hpp"
#include "tools/pace.hpp"
#include "ui/terminal.hpp"

namespace raibid {

class Random;
class RedisConnector;
class Reporter;
class Runner;
class Signals;

enum class OutputFormat { table, json, yaml, junit, name };

/// The format that `output` names: "json", "yaml", "junit", "name"; anything else is a table.
OutputFormat output_format(const std::string& output);
/// For people: a failure is told on stderr alone.
constexpr bool is_plain_text(OutputFormat format) {
  return format == OutputFormat::table || format == OutputFormat::name;
}

/// What a command of a component works with: built in main and src/cli, handed down whole.
struct Context {
  Runner& runner;
  const Clock& clock;
  Random& random;
  Signals& signals;
  Reporter& reporter;
  RedisConnector& redis;
  Environment environment;
  Paths paths;
  Settings settings;
  Preset preset;
  TimePoint deadline;     ///< of the whole run; undoing has a minute of its own after it
  std::ostream& results;  ///< stdout, for a command that goes on (--watch); all others return their result
  Terminal terminal;
  ChangeGuard guard;  ///< --dry-run; runner, redis and files heed it by themselves
  Files files;
  /// Of the cluster that this run has chosen: choose_cluster hands it to whatever asks the cluster.
  std::shared_ptr<ClusterPace> pace = std::make_shared<ClusterPace>();

  OutputFormat format() const;
  /// Whether results are coloured: on a terminal, unless --color or NO_COLOR says otherwise.
  bool colors_results() const;
  /// The flags that name the same Redis again, for hints.
  Scope scope() const { return Scope(settings); }
};

}  // namespace raibid
