#include "support/helm_secret.hpp"

#include "base/gzip.hpp"
#include "base/strings.hpp"

namespace raibid::test {

nlohmann::json helm_secret(const std::string& release, const std::string& name_space, int revision,
                           const std::string& manifest) {
  const nlohmann::json record = {
      {"name", release}, {"namespace", name_space}, {"version", revision}, {"manifest", manifest}};
  return {{"apiVersion", "v1"},
          {"kind", "Secret"},
          {"type", "helm.sh/release.v1"},
          {"metadata",
           {{"name", "sh.helm.release.v1." + release + ".v" + std::to_string(revision)},
            {"namespace", name_space},
            {"labels", {{"status", "deployed"}}}}},
          {"data", {{"release", base64_encode(base64_encode(gzip(record.dump())))}}}};
}

}  // namespace raibid::test
