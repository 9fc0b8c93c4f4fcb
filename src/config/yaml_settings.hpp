#pragma once

#include <span>
#include <string>
#include <string_view>

#include "config/option.hpp"
#include "config/settings.hpp"
#include "config/yaml_tree.hpp"

namespace raibid {

/// The options that a mapping of a file gives, by name. Throws Error (usage) with `origin` and line: no mapping, an
/// unknown key, one that no file may give, a value of the wrong shape.
SettingMap settings_of(const YamlNode& map, const std::string& origin, std::span<const OptionSpec> options);

/// The option of that name, or nullptr.
const OptionSpec* find_option(std::span<const OptionSpec> options, std::string_view name);

/// Throws Error (usage) when `text` is nothing that `option` takes; `what` names it in the message.
void check_value(const OptionSpec& option, const std::string& text, const std::string& what);

}  // namespace raibid
