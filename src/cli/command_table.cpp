#include "cli/command_table.hpp"

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/component_command.hpp"
#include "cli/own_commands.hpp"

namespace raibid {

namespace {

/// The verbs that look, and so may guess which component is meant when only one can be.
bool may_guess(std::string_view verb) { return verb == "status" || verb == "doctor"; }

CommandRow component_row(const Component& component, const ComponentCommand& command) {
  CommandRow row;
  row.verb = command.verb;
  row.object = command.object.empty() ? component.name : command.object;
  row.summary = command.summary;
  row.options = command.options;
  row.arguments = command.arguments;
  row.examples = command.examples;
  row.junit = command.junit;
  row.names = command.names;
  row.run = [&component, &command](const Call& call) { return run_component_command(call, component, command); };
  return row;
}

}  // namespace

std::string CommandRow::usage() const {
  std::string text = verb;
  if (!object.empty()) text += object_optional ? " [" + object + "]" : " " + object;
  if (!arguments.empty()) text += " " + arguments;
  return text;
}

CommandTable::CommandTable(const std::vector<Component>& components) : m_components(components) {
  for (const Component& component : components) {
    for (const ComponentCommand& command : component.commands) m_rows.push_back(component_row(component, command));
  }
  for (CommandRow& row : m_rows) row.object_optional = may_guess(row.verb) && rows_of(row.verb).size() == 1;
  for (CommandRow& row : own_commands()) {
    row.own = true;
    m_rows.push_back(std::move(row));
  }
}

std::vector<std::string> CommandTable::verbs() const {
  std::vector<std::string> names;
  for (const CommandRow& row : m_rows) {
    if (std::find(names.begin(), names.end(), row.verb) == names.end()) names.push_back(row.verb);
  }
  return names;
}

std::vector<const CommandRow*> CommandTable::rows_of(std::string_view verb) const {
  std::vector<const CommandRow*> found;
  for (const CommandRow& row : m_rows) {
    if (row.verb == verb) found.push_back(&row);
  }
  return found;
}

std::vector<std::string> CommandTable::objects_of(std::string_view verb) const {
  std::vector<std::string> objects;
  for (const CommandRow& row : m_rows) {
    if (row.verb == verb && !row.object.empty()) objects.push_back(row.object);
  }
  return objects;
}

const CommandRow* CommandTable::find(std::string_view verb, std::string_view object) const {
  for (const CommandRow& row : m_rows) {
    if (row.verb == verb && (row.object == object || (object.empty() && row.object_optional))) return &row;
  }
  return nullptr;
}

}  // namespace raibid
