#include "support/test_certificates.hpp"

#include <fmt/format.h>

#include <utility>

namespace raibid::test {

namespace {

WallTime days_from_now(int days) { return std::chrono::system_clock::now() + std::chrono::hours(24) * days; }

}  // namespace

TestCertificates::TestCertificates(std::vector<std::string> names, int from_days, int until_days)
    : m_folder(std::filesystem::temp_directory_path()),
      m_ca(make_ca("test CA", days_from_now(-400), days_from_now(4000))) {
  CertificateRequest request;
  request.common_name = "test server";
  request.names = std::move(names);
  request.server = true;
  request.client = true;
  request.from = days_from_now(from_days);
  request.until = days_from_now(until_days);
  write("server", issue_certificate(m_ca, request, "the test"));
  write_atomic(ca_file(), m_ca.certificate);
}

std::string TestCertificates::redis_conf(int port, bool client_certificates) const {
  return fmt::format("tls-port {}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\ntls-auth-clients {}\n", port,
                     (folder() / "server.crt").string(), (folder() / "server.key").string(), ca_file().string(),
                     client_certificates ? "yes" : "no");
}

KeyPair TestCertificates::client(int from_days, int until_days) const {
  CertificateRequest request;
  request.common_name = "test client";
  request.client = true;
  request.from = days_from_now(from_days);
  request.until = days_from_now(until_days);
  return issue_certificate(m_ca, request, "the test");
}

std::pair<std::string, std::string> TestCertificates::write(const std::string& name, const KeyPair& pair) const {
  const std::string certificate = (folder() / (name + ".crt")).string(), key = (folder() / (name + ".key")).string();
  write_atomic(certificate, pair.certificate);
  write_atomic(key, pair.key.reveal());
  return {certificate, key};
}

}  // namespace raibid::test
