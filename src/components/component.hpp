#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "components/context.hpp"
#include "config/option.hpp"

namespace raibid {

/// What one command line did: text for stdout and an exit code that is no error ("unhealthy").
struct CommandResult {
  std::string output;
  int exit_code = 0;
  bool is_sentence = false;  ///< what people are told; programs (-o json, -o yaml) get it as an object
};

/// What a command says that has no data to write.
inline CommandResult told(std::string text) { return {std::move(text), 0, true}; }

/// A command of a component: `raibid-cli VERB NAME`, or `raibid-cli VERB OBJECT`.
struct ComponentCommand {
  std::string_view verb;            ///< "setup"
  std::string_view summary;         ///< one line of --help
  std::vector<OptionSpec> options;  ///< beside the global ones
  CommandResult (*run)(Context& context, const std::vector<std::string>& arguments);
  std::string_view arguments = {};  ///< "[-- COMMAND …]" when it takes any
  std::string_view object = {};     ///< the second word when it is not the component's name: `export env`
  /// What `raibid-cli VERB` does without the component's name; the same as with it when this is null.
  CommandResult (*run_unnamed)(Context& context, const std::vector<std::string>& arguments) = nullptr;
  std::vector<std::string> examples = {};  ///< lines to type, for the end of its help
  bool junit = false;                      ///< it can write its result as JUnit's XML
  bool names = false;                      ///< its result is a list of things with names: -o name
};

/// One thing this program can set up. A new one is a folder beside redis/ and a row in registry.cpp.
struct Component {
  std::string_view name;
  std::string_view summary;
  std::vector<ComponentCommand> commands;
  /// Takes what an earlier setup recorded into the settings: what this machine knows of it, or (`ask`) what is
  /// installed. Throws Error when it is asked for and not there. nullptr when it records nothing.
  void (*take_record)(Context& context, bool ask) = nullptr;
  /// For completion, see redis/place/known_names.hpp: the names of such things, from files alone; whether asking would
  /// tell more; asking, and keeping the answer.
  std::vector<std::string> (*known_names)(const Context& context, NamedThing thing) = nullptr;
  bool (*names_are_old)(const Context& context) = nullptr;
  void (*learn_names)(Context& context) = nullptr;
};

}  // namespace raibid
