#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace raibid {

/// A JSON value as block-style YAML, in the order of the keys, for people (`-o yaml`, --dry-run). Strings that YAML
/// would read as something else are quoted.
std::string to_yaml(const nlohmann::ordered_json& value);

/// YAML (one document) as JSON, for the user's own values files. Throws Error (usage) with `origin` and line.
nlohmann::ordered_json parse_yaml(std::string_view text, const std::string& origin);

}  // namespace raibid
