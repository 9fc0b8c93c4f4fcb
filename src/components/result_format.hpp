#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

#include "components/context.hpp"

namespace raibid {

/// A result for programs, as JSON or YAML, or the names of what is in a list, a line each; not for tables.
std::string formatted(const nlohmann::ordered_json& result, OutputFormat format);

}  // namespace raibid
