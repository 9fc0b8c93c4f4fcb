#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace raibid {

/// Reading of documents that others made: what is not there, or is of another kind, is "", 0, false or an empty array.
using JsonPath = std::initializer_list<std::string_view>;

/// What is at `path`; a null value when there is nothing.
const nlohmann::json& at(const nlohmann::json& object, JsonPath path);
std::string text_at(const nlohmann::json& object, JsonPath path);
std::int64_t number_at(const nlohmann::json& object, JsonPath path);
bool flag_at(const nlohmann::json& object, JsonPath path);
/// An array, for a range-based for.
const nlohmann::json& items_at(const nlohmann::json& object, JsonPath path);

}  // namespace raibid
