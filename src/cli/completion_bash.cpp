#include "assets/assets.hpp"
#include "assets/render.hpp"
#include "base/strings.hpp"
#include "cli/completion.hpp"
#include "components/registry.hpp"

#include <fmt/format.h>

namespace raibid {

namespace {

std::string long_names(const std::vector<OptionSpec>& options) {
  std::vector<std::string> names;
  for (const OptionSpec& option : options) names.push_back(fmt::format("--{}", option.name));
  return join(names, " ");
}

std::string assigned(const ValueWords& known) {
  std::vector<std::string> parts;
  if (!known.words.empty()) parts.push_back(fmt::format(" offered='{}'", join(known.words, " ")));
  if (!known.names.empty()) parts.push_back(" names=" + known.names);
  if (known.files) parts.emplace_back(" compopt -o default");
  return join(parts, ";");
}

/// What each option's value may be, where that is known.
std::string values(const std::vector<OptionSpec>& options) {
  std::string cases;
  for (const OptionSpec& option : options) {
    const ValueWords known = value_words(option);
    if (known.known()) cases += fmt::format("      {}){} ;;\n", join(option_names(option), " | "), assigned(known));
  }
  return cases;
}

std::string bash_options(const CommandTable& table) {
  std::string cases;
  for (const CommandRow& row : table.rows()) {
    if (!row.options.empty())
      cases += fmt::format("      {}) offered+=' {}' ;;\n", shell_pattern(row), long_names(row.options));
  }
  return cases;
}

std::string bash_objects(const CommandTable& table) {
  std::string cases;
  for (const std::string& verb : table.verbs()) {
    const std::vector<std::string> words = table.objects_of(verb);
    if (!words.empty()) cases += fmt::format("      {0}/ | help/{0}) offered='{1}' ;;\n", verb, join(words, " "));
  }
  for (const CommandRow& row : table.rows()) {
    const ValueWords known = argument_words(table, row);
    if (known.known()) cases += fmt::format("      {}){} ;;\n", shell_pattern(row), assigned(known));
  }
  return cases;
}

}  // namespace

std::string bash_completion(const CommandTable& table) {
  const std::string file = "completion/bash";
  return render(asset(file),
                {{"value_options", value_options(table, " | ")},
                 {"values", values(all_options(table.components()))},
                 {"global_options", long_names(global_options())},
                 {"options", bash_options(table)},
                 {"verbs", join(table.verbs(), " ")},
                 {"objects", bash_objects(table)}},
                file);
}

}  // namespace raibid
