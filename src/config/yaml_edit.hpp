#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace raibid {

/// Changes one top-level key of a YAML mapping and leaves every other line as it is, comments included. Both throw
/// Error (usage) with `origin` and line when `text` is no mapping in block style.

/// `text` with `key: value` in place of the key's lines, or at the end.
std::string with_key(const std::string& text, const std::string& origin, std::string_view key,
                     const nlohmann::ordered_json& value);

/// `text` without the key's lines; the same text when it is not there.
std::string without_key(const std::string& text, const std::string& origin, std::string_view key);

}  // namespace raibid
