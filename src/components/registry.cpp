#include "components/registry.hpp"

#include <algorithm>

#include "components/component.hpp"
#include "components/redis/redis.hpp"

namespace raibid {

namespace {

void add_new(std::vector<OptionSpec>& all, const std::vector<OptionSpec>& more) {
  for (const OptionSpec& option : more) {
    const auto same = [&option](const OptionSpec& known) { return known.name == option.name; };
    if (std::none_of(all.begin(), all.end(), same)) all.push_back(option);
  }
}

}  // namespace

const std::vector<Component>& components() {
  static const std::vector<Component> table = {redis_component()};
  return table;
}

std::vector<OptionSpec> all_options(const std::vector<Component>& components, std::string_view component) {
  std::vector<OptionSpec> all = global_options();
  const auto add_those_of = [&all](const Component& one) {
    for (const ComponentCommand& command : one.commands) add_new(all, command.options);
  };
  for (const Component& one : components) {
    if (one.name == component) add_those_of(one);
  }
  for (const Component& one : components) add_those_of(one);
  return all;
}

}  // namespace raibid
