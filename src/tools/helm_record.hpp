#pragma once

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>

namespace raibid {

/// What Helm keeps of one revision of a release.
struct HelmRecord {
  std::string release;
  std::string name_space;
  int revision = 0;
  std::string manifest;  ///< what the chart made of the values: YAML documents; hooks are not in it
};

/// Reads Helm's Secret (sh.helm.release.v1.NAME.vN: gzipped JSON, twice base64). std::nullopt for any other Secret.
/// Throws Error (failure) for a record that is damaged, or larger than 64 MiB.
std::optional<HelmRecord> read_helm_record(const nlohmann::json& secret);

/// That Secret with another manifest in its record, and everything else as it was. Throws as read_helm_record.
nlohmann::json with_manifest(nlohmann::json secret, const std::string& manifest);

}  // namespace raibid
