#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "components/component.hpp"
#include "components/registry.hpp"
#include "config/option.hpp"

namespace raibid {

struct Call;

/// One command as the command line knows it: `raibid-cli VERB [OBJECT]`. Parsing, help and completion all read these
/// rows.
struct CommandRow {
  std::string verb;
  std::string object;                 ///< the component, or a second word ("config show"); "" when there is none
  std::string summary;                ///< one line, for --help of the program
  std::string details;                ///< more lines, for --help of the command; "" when the summary says it all
  std::vector<OptionSpec> options;    ///< beside the global ones
  std::string arguments;              ///< usage of what follows: "[-- COMMAND …]"; "" when nothing may
  std::vector<std::string> examples;  ///< lines to type, for the end of its help
  bool object_optional = false;       ///< `raibid-cli VERB` means this row
  bool junit = false;                 ///< it can write its result as JUnit's XML
  bool names = false;                 ///< its result is a list of things with names: -o name
  bool own = false;                   ///< of this program, not of a component
  std::function<CommandResult(const Call&)> run;

  /// "setup redis"
  std::string name() const { return object.empty() ? verb : verb + " " + object; }
  /// "status [redis]", "connect redis [-- COMMAND …]"
  std::string usage() const;
  /// It takes words, or what stands behind "--".
  bool takes_words() const { return !arguments.empty() && !takes_command(); }
  bool takes_command() const { return arguments.find("--") != std::string::npos; }
};

/// All commands: the components' and the program's own.
class CommandTable {
 public:
  explicit CommandTable(const std::vector<Component>& components);

  const std::vector<CommandRow>& rows() const { return m_rows; }
  const std::vector<Component>& components() const { return m_components; }
  /// Each verb once, in the order of the rows.
  std::vector<std::string> verbs() const;
  std::vector<const CommandRow*> rows_of(std::string_view verb) const;
  /// The words that may stand behind a verb.
  std::vector<std::string> objects_of(std::string_view verb) const;
  /// nullptr when there is no such row; an empty object finds the row that is meant without one.
  const CommandRow* find(std::string_view verb, std::string_view object) const;

 private:
  const std::vector<Component>& m_components;
  std::vector<CommandRow> m_rows;
};

}  // namespace raibid
