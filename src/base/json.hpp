#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

/// Reading and writing JSON, compiled once: as templates both would be compiled into every file that uses them, which
/// takes a second and a half each time.
namespace raibid {

/// Throws nlohmann::json::exception when `text` is not JSON. For text from elsewhere ask `nested_too_deeply` first.
nlohmann::json parse_json(std::string_view text);
/// A value that `is_discarded()` when `text` is not JSON.
nlohmann::json try_parse_json(std::string_view text);

/// One line, or indented by `indent` when that is not negative. A byte that is not UTF-8 becomes U+FFFD.
std::string json_text(const nlohmann::json& value, int indent = -1);
std::string json_text(const nlohmann::ordered_json& value, int indent = -1);

}  // namespace raibid
