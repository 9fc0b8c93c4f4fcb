#pragma once

#include <string>
#include <vector>

#include "components/context.hpp"
#include "components/redis/commands/export/variables.hpp"
#include "components/redis/place/installed.hpp"

namespace raibid {

/// Where an application's pods find the CA, when a ConfigMap with it is mounted there.
inline constexpr const char* mounted_ca_folder = "/etc/redis-ca";
inline constexpr const char* ca_file_name = "ca.crt";

/// What makes an application of any language that knows one of them trust this CA without a change of its code: Go and
/// Python (OpenSSL) read SSL_CERT_FILE, which takes the place of the system's CAs, Node reads NODE_EXTRA_CA_CERTS,
/// which adds to its own. See docs/tls.md.
std::vector<Variable> trust_variables(const std::string& ca_file);

/// The CA of this Redis as a file in our home, which is named for its content, so that it never changes; "" where
/// clients trust the system's CAs. A dry run only says where it would be.
std::string keep_ca_file(const Context& context, const InstalledRedis& redis);

}  // namespace raibid
