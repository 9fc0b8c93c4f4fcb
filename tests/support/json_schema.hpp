#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace raibid::test {

/// What is wrong with `data` by the schema docs/schemas/NAME.json, with its place, "" when nothing is. Knows the words
/// that those files use. A key that the schema does not name is wrong here, though users of the schema may meet new
/// ones.
std::string schema_problem(const std::string& name, const nlohmann::json& data);

}  // namespace raibid::test
