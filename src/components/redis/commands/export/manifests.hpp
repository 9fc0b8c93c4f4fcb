#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

#include "components/redis/commands/export/variables.hpp"

namespace raibid {

/// What an application has of its Redis in its own namespace.
struct Handover {
  std::string name;        ///< of ConfigMap and Secret
  std::string name_space;  ///< the application's
  std::vector<Variable> variables;
};

/// The variables that hold the password (and files, which do as well), base64.
nlohmann::ordered_json secret_manifest(const Handover& handover, const std::string& preset);
/// The others.
nlohmann::ordered_json configmap_manifest(const Handover& handover, const std::string& preset);

}  // namespace raibid
