#include "components/kubernetes/json_view.hpp"

#include <nlohmann/json.hpp>

namespace raibid {

const nlohmann::json& at(const nlohmann::json& object, JsonPath path) {
  static const nlohmann::json nothing;
  const nlohmann::json* here = &object;
  for (const std::string_view key : path) {
    if (!here->is_object()) return nothing;
    const auto found = here->find(key);
    if (found == here->end()) return nothing;
    here = &*found;
  }
  return *here;
}

std::string text_at(const nlohmann::json& object, JsonPath path) {
  const nlohmann::json& value = at(object, path);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::int64_t number_at(const nlohmann::json& object, JsonPath path) {
  const nlohmann::json& value = at(object, path);
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

bool flag_at(const nlohmann::json& object, JsonPath path) {
  const nlohmann::json& value = at(object, path);
  return value.is_boolean() && value.get<bool>();
}

const nlohmann::json& items_at(const nlohmann::json& object, JsonPath path) {
  static const nlohmann::json none = nlohmann::json::array();
  const nlohmann::json& value = at(object, path);
  return value.is_array() ? value : none;
}

}  // namespace raibid
