#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "sys/files.hpp"
#include "tools/certificate.hpp"
#include "tools/redis_client.hpp"

namespace raibid::test {

/// A CA with what it has signed, in a folder that goes with the object.
class TestCertificates {
 public:
  /// A server certificate for these names; valid from and until so many days from now.
  explicit TestCertificates(std::vector<std::string> names = {"localhost", "127.0.0.1", "my-redis"}, int from_days = -1,
                            int until_days = 30);

  /// Lines for redis.conf: TLS on `port`, clients have to show a certificate or not.
  std::string redis_conf(int port, bool client_certificates = false) const;

  std::filesystem::path folder() const { return m_folder.path(); }
  std::filesystem::path ca_file() const { return folder() / "ca.crt"; }
  const KeyPair& ca() const { return m_ca; }
  KeyPair client(int from_days = -1, int until_days = 30) const;
  /// Writes it beside the others; where: certificate, key.
  std::pair<std::string, std::string> write(const std::string& name, const KeyPair& pair) const;

  /// What a client that trusts this CA says.
  TlsClient trusting(const std::string& name = "localhost") const {
    return {.server_name = name, .ca = m_ca.certificate};
  }

 private:
  TemporaryDirectory m_folder;
  KeyPair m_ca;
};

}  // namespace raibid::test
