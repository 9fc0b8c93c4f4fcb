#pragma once

#include <string_view>
#include <vector>

#include "components/component.hpp"

namespace raibid {

/// All components.
const std::vector<Component>& components();

/// The options of every command and of every component, one of each name. Those of `component` win over others' of the
/// same name.
std::vector<OptionSpec> all_options(const std::vector<Component>& components, std::string_view component = {});

}  // namespace raibid
