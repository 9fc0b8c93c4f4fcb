#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

#include "components/redis/commands/export/variables.hpp"
#include "tools/certificate.hpp"

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

/// A ConfigMap with the CA's certificates as ca.crt.
nlohmann::ordered_json ca_manifest(const Handover& handover, const std::string& name, const std::string& ca,
                                   const std::string& preset);
/// A Secret (kubernetes.io/tls) of this name with a certificate, its key and the CA's certificates.
nlohmann::ordered_json client_certificate_manifest(const Handover& handover, const KeyPair& pair, const std::string& ca,
                                                   const std::string& preset);

}  // namespace raibid
