#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace raibid::test {

/// Helm's Secret of a revision with that manifest, as Helm 3 and 4 write it.
nlohmann::json helm_secret(const std::string& release, const std::string& name_space, int revision,
                           const std::string& manifest);

}  // namespace raibid::test
