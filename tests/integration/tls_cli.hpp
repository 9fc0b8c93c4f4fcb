#pragma once

#include <doctest/doctest.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "components/redis/server/certificates.hpp"
#include "support/cli.hpp"
#include "sys/files.hpp"
#include "tools/certificate.hpp"
#include "tools/served_certificate.hpp"

namespace raibid::tls_test {

using namespace raibid::test;
using Words = std::vector<std::string>;
using nlohmann::json;
using std::chrono::hours;

constexpr hours day{24};
inline WallTime now() { return std::chrono::system_clock::now(); }

/// A Redis of this machine that does not outlive its test.
class TlsCli : public Cli {
 public:
  ~TlsCli() { local("teardown", {"--yes", "--delete-data"}); }

  Output local(const std::string& verb, Words more = {}) {
    more.insert(more.begin(), {verb, "redis", "--target", "local"});
    return (*this)(more);
  }
  Output rotate(Words more = {}) {
    more.insert(more.begin(), {"tls", "rotate", "redis", "--target", "local"});
    return (*this)(more);
  }
  fs::path instance() const { return home() / "local" / "raibid-redis"; }
  fs::path tls() const { return instance() / "tls"; }
  std::string tls_file(const std::string& name) const { return read_file(tls() / name).value_or(""); }
  json state() const { return json::parse(read_file(instance() / "state.json").value()); }
  json credentials() const { return json::parse(read_file(home() / "redis-credentials.json").value()); }
  int port() const { return state().at("port"); }
  int pid() { return json::parse(local("status", {"-o", "json"}).out).at("pid"); }
  std::string password() const { return credentials().at("password"); }
  json status() { return json::parse(local("status", {"-o", "json"}).out); }

  json check(const std::string& name) {
    const json all = status();
    for (const json& one : all.at("checks")) {
      if (one.at("name") == name) return one;
    }
    return nullptr;
  }
  std::string served() const {
    return served_certificate_at("127.0.0.1", port(), real_runner(), real_runner().now() + std::chrono::seconds(5));
  }
  CertificateFacts served_facts() const { return read_certificate(served(), "served"); }

  /// Puts these certificates where the instance has its own.
  void replace(const SecretContent& content) const {
    for (const auto& [key, value] : content) write_own_file(tls() / key, value.reveal());
  }
  CertificateSpec spec() const { return {"raibid-redis", {"127.0.0.1", "localhost"}, "here"}; }

  std::string file(const std::string& name, const std::string& content) const {
    write_own_file(folder() / name, content);
    return folder() / name;
  }
  /// A folder as --tls-secret takes it.
  fs::path folder_of(const std::string& name, const KeyPair& pair, const std::string& ca) const {
    const fs::path path = folder() / name;
    make_private_directory(path);
    write_own_file(path / "tls.crt", pair.certificate);
    write_own_file(path / "tls.key", pair.key.reveal());
    write_own_file(path / "ca.crt", ca);
    return path;
  }
};

inline std::string plain(int port, const std::string& password, const Words& command) {
  Words words = {"redis-cli", "--no-auth-warning", "-h", "127.0.0.1", "-p", std::to_string(port), "-a", password};
  words.insert(words.end(), command.begin(), command.end());
  return std::string(trim(attempt(words).out + attempt(words).err));
}

inline std::string over_tls(const TlsCli& cli, const Words& command, Words more = {}) {
  Words words = {"redis-cli",
                 "--no-auth-warning",
                 "-h",
                 "127.0.0.1",
                 "-p",
                 std::to_string(cli.port()),
                 "-a",
                 cli.password(),
                 "--tls",
                 "--cacert",
                 (cli.tls() / "ca.crt").string()};
  words.insert(words.end(), more.begin(), more.end());
  words.insert(words.end(), command.begin(), command.end());
  const Output output = attempt(words);
  return std::string(trim(output.out + output.err));
}

/// One connection by OpenSSL alone, which verifies chain and address and answers a command.
class TlsConnection {
 public:
  TlsConnection(int port, const std::string& ca, const std::string& password) {
    m_context = SSL_CTX_new(TLS_client_method());
    BIO* const text = BIO_new_mem_buf(ca.data(), static_cast<int>(ca.size()));
    while (X509* const one = PEM_read_bio_X509(text, nullptr, nullptr, nullptr)) {
      X509_STORE_add_cert(SSL_CTX_get_cert_store(m_context), one);
      X509_free(one);
    }
    BIO_free(text);
    ERR_clear_error();
    SSL_CTX_set_verify(m_context, SSL_VERIFY_PEER, nullptr);
    m_stream = BIO_new_ssl_connect(m_context);
    SSL* ssl = nullptr;
    BIO_get_ssl(m_stream, &ssl);
    SSL_set_mode(ssl, SSL_MODE_AUTO_RETRY);
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), "127.0.0.1");
    BIO_set_conn_hostname(m_stream, ("127.0.0.1:" + std::to_string(port)).c_str());
    if (BIO_do_handshake(m_stream) != 1) {
      const long result = SSL_get_verify_result(ssl);
      m_problem = result == X509_V_OK ? "no handshake" : X509_verify_cert_error_string(result);
    } else {
      ask("AUTH " + password);
    }
    ERR_clear_error();
  }
  ~TlsConnection() {
    BIO_free_all(m_stream);
    SSL_CTX_free(m_context);
  }
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  /// Sends a line; a problem when its answer is an error or does not come.
  void ask(const std::string& line) {
    if (!m_problem.empty()) return;
    const std::string text = line + "\r\n";
    std::array<char, 256> answer{};
    const bool sent = BIO_write(m_stream, text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size());
    const int size = sent ? BIO_read(m_stream, answer.data(), static_cast<int>(answer.size())) : -1;
    if (size <= 0) m_problem = "cut";
    if (size > 0 && answer[0] == '-') m_problem = std::string(answer.data(), static_cast<std::size_t>(size));
  }
  const std::string& problem() const { return m_problem; }

 private:
  SSL_CTX* m_context = nullptr;
  BIO* m_stream = nullptr;
  std::string m_problem;
};

inline std::string why_not(const TlsCli& cli, const std::string& ca) {
  TlsConnection connection(cli.port(), ca, cli.password());
  connection.ask("PING");
  return connection.problem();
}

}  // namespace raibid::tls_test
