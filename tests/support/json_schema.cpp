#include "support/json_schema.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace raibid::test {

namespace {

using nlohmann::json;

class Validator {
 public:
  explicit Validator(const json& root) : m_root(root) {}

  std::string problem(const json& schema, const json& data, const std::string& at) const {
    if (const auto ref = schema.find("$ref"); ref != schema.end()) {
      const std::string path = ref->get<std::string>().substr(1);  // without the #
      return problem(m_root.at(json::json_pointer(path)), data, at);
    }
    if (schema.contains("type") && !is_of_type(schema.at("type"), data))
      return fmt::format("{} is {}, not {}", at, data.dump(), schema.at("type").dump());
    if (schema.contains("const") && schema.at("const") != data)
      return fmt::format("{} is {}, not {}", at, data.dump(), schema.at("const").dump());
    if (schema.contains("enum")) {
      const json& allowed = schema.at("enum");
      if (std::find(allowed.begin(), allowed.end(), data) == allowed.end())
        return fmt::format("{} is {}, which is not allowed", at, data.dump());
    }
    if (schema.contains("anyOf")) return problem_of_all(schema.at("anyOf"), data, at);
    if (data.is_object()) return problem_of_object(schema, data, at);
    if (!data.is_array() || !schema.contains("items")) return "";
    for (std::size_t i = 0; i < data.size(); ++i) {
      const std::string found = problem(schema.at("items"), data.at(i), fmt::format("{}[{}]", at, i));
      if (!found.empty()) return found;
    }
    return "";
  }

 private:
  static bool is_of_type(const json& type, const json& data) {
    if (type.is_array()) {
      return std::any_of(type.begin(), type.end(), [&](const json& one) { return is_of_type(one, data); });
    }
    if (type == "number") return data.is_number();
    if (type == "integer") return data.is_number_integer();
    return type == data.type_name();
  }

  std::string problem_of_all(const json& schemas, const json& data, const std::string& at) const {
    std::string all;
    for (const json& one : schemas) {
      const std::string found = problem(one, data, at);
      if (found.empty()) return "";
      all += (all.empty() ? "" : "; ") + found;
    }
    return all;
  }

  std::string problem_of_object(const json& schema, const json& data, const std::string& at) const {
    for (const json& key : schema.value("required", json::array())) {
      if (!data.contains(key.get<std::string>())) return fmt::format("{} has no {}", at, key.dump());
    }
    if (!schema.contains("properties")) return "";
    const json& properties = schema.at("properties");
    for (const auto& [key, value] : data.items()) {
      if (!properties.contains(key)) {
        if (schema.value("additionalProperties", false)) continue;
        return fmt::format("{} has {}, which the schema does not name", at, key);
      }
      const std::string found = problem(properties.at(key), value, at + "." + key);
      if (!found.empty()) return found;
    }
    return "";
  }

  const json& m_root;
};

}  // namespace

std::string schema_problem(const std::string& name, const json& data) {
  const std::filesystem::path file = std::filesystem::path(RAIBID_SOURCE_DIR) / "docs" / "schemas" / (name + ".json");
  std::ifstream stream(file);
  if (!stream) throw std::runtime_error("no schema " + file.string());
  const json root = json::parse(stream);
  return Validator(root).problem(root, data, name);
}

}  // namespace raibid::test
