#include "components/redis/commands/export/tls_files.hpp"

#include <fmt/format.h>

#include "sys/random.hpp"

namespace raibid {

std::vector<Variable> trust_variables(const std::string& ca_file) {
  return {{"SSL_CERT_FILE", Secret(ca_file), false}, {"NODE_EXTRA_CA_CERTS", Secret(ca_file), false}};
}

std::string keep_ca_file(const Context& context, const InstalledRedis& redis) {
  if (!redis.tls || redis.tls->ca.empty()) return "";
  constexpr std::size_t enough = 12;
  const fs::path path =
      context.paths.home / fmt::format("redis-ca-{}.crt", sha256_hex(redis.tls->ca).substr(0, enough));
  if (!context.guard.dry_run() && read_file(path) != redis.tls->ca) {
    context.files.make_private_directory(path.parent_path());
    context.files.write_atomic(path, redis.tls->ca);
  }
  return path.string();
}

}  // namespace raibid
