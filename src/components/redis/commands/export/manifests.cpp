#include "components/redis/commands/export/manifests.hpp"

#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "components/redis/commands/export/tls_files.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

ordered_json manifest(const char* kind, const Handover& handover, const std::string& preset) {
  // no managed-by: these belong to the application, and neither setup nor teardown may take them for its own
  return {{"apiVersion", "v1"},
          {"kind", kind},
          {"metadata",
           {{"name", handover.name},
            {"namespace", handover.name_space},
            {"labels", {{"app.kubernetes.io/part-of", preset}}}}}};
}

}  // namespace

ordered_json secret_manifest(const Handover& handover, const std::string& preset) {
  ordered_json secret = manifest("Secret", handover, preset);
  secret["type"] = "Opaque";
  secret["data"] = ordered_json::object();
  for (const Variable& variable : handover.variables) {
    if (variable.secret) secret["data"][variable.name] = base64_encode(variable.value.reveal());
  }
  return secret;
}

ordered_json configmap_manifest(const Handover& handover, const std::string& preset) {
  ordered_json map = manifest("ConfigMap", handover, preset);
  map["data"] = ordered_json::object();
  for (const Variable& variable : handover.variables) {
    if (!variable.secret) map["data"][variable.name] = variable.value.reveal();
  }
  return map;
}

ordered_json ca_manifest(const Handover& handover, const std::string& name, const std::string& ca,
                         const std::string& preset) {
  ordered_json map = manifest("ConfigMap", {name, handover.name_space, {}}, preset);
  map["data"] = {{ca_file_name, ca}};
  return map;
}

ordered_json client_certificate_manifest(const Handover& handover, const KeyPair& pair, const std::string& ca,
                                         const std::string& preset) {
  ordered_json secret = manifest("Secret", handover, preset);
  secret["type"] = "kubernetes.io/tls";
  secret["data"] = {{"tls.crt", base64_encode(pair.certificate)},
                    {"tls.key", base64_encode(pair.key.reveal())},
                    {ca_file_name, base64_encode(ca)}};
  return secret;
}

}  // namespace raibid
