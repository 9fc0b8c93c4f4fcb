#include "tools/certificate.hpp"

#include <doctest/doctest.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/error.hpp"
#include "support/thrown.hpp"
#include "sys/clock.hpp"

using namespace raibid;
using namespace raibid::test;

namespace raibid::certificate_test {

using std::chrono::hours;

constexpr hours day{24};

WallTime today() { return *parse_rfc3339("2026-03-01T12:00:00Z"); }

KeyPair some_ca() { return make_ca("test CA", today() - clock_slack, today() + 3650 * day); }

CertificateRequest some_request() {
  return {
      "my-redis",         {"my-redis.ns.svc", "*.pods.ns.svc", "127.0.0.1", "::1"}, true, true, today() - clock_slack,
      today() + 365 * day};
}

std::unique_ptr<X509, decltype(&X509_free)> parsed(const std::string& pem) {
  BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* const certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  REQUIRE(certificate != nullptr);
  return {certificate, &X509_free};
}

/// X509_V_OK, or why OpenSSL's verifier refuses `leaf` at this time, for this purpose and host.
int verified(const std::string& leaf, const std::string& ca, int purpose, WallTime at, const char* host = nullptr) {
  const auto certificate = parsed(leaf);
  const auto root = parsed(ca);
  X509_STORE* const store = X509_STORE_new();
  X509_STORE_add_cert(store, root.get());
  X509_STORE_CTX* const context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, certificate.get(), nullptr);
  X509_VERIFY_PARAM* const rules = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_purpose(rules, purpose);
  X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_X509_STRICT);
  X509_VERIFY_PARAM_set_time(rules, std::chrono::system_clock::to_time_t(at));
  if (host != nullptr) X509_VERIFY_PARAM_set1_host(rules, host, 0);
  X509_verify_cert(context);
  const int result = X509_STORE_CTX_get_error(context);
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  return result;
}

TEST_CASE("certificates: OpenSSL's verifier accepts what we issue, for a server and for a client") {
  const KeyPair ca = some_ca();
  const KeyPair leaf = issue_certificate(ca, some_request(), "here");
  CHECK(verified(leaf.certificate, ca.certificate, X509_PURPOSE_SSL_SERVER, today(), "my-redis.ns.svc") == X509_V_OK);
  CHECK(verified(leaf.certificate, ca.certificate, X509_PURPOSE_SSL_SERVER, today(), "a.pods.ns.svc") == X509_V_OK);
  CHECK(verified(leaf.certificate, ca.certificate, X509_PURPOSE_SSL_CLIENT, today()) == X509_V_OK);
  CHECK(verified(leaf.certificate, ca.certificate, X509_PURPOSE_SSL_SERVER, today(), "other.ns.svc") ==
        X509_V_ERR_HOSTNAME_MISMATCH);
  CHECK(verified(leaf.certificate, some_ca().certificate, X509_PURPOSE_SSL_SERVER, today()) != X509_V_OK);
  CHECK(verified(leaf.certificate, ca.certificate, X509_PURPOSE_SSL_SERVER, today() + 366 * day) ==
        X509_V_ERR_CERT_HAS_EXPIRED);
  CHECK(verified(leaf.certificate, ca.certificate, X509_PURPOSE_SSL_SERVER, today() - day) != X509_V_OK);
  CertificateRequest client = some_request();
  client.server = false;
  const KeyPair application = issue_certificate(ca, client, "here");
  CHECK(verified(application.certificate, ca.certificate, X509_PURPOSE_SSL_CLIENT, today()) == X509_V_OK);
  CHECK(verified(application.certificate, ca.certificate, X509_PURPOSE_SSL_SERVER, today()) != X509_V_OK);
}

TEST_CASE("certificates: what was asked for is what can be read") {
  const KeyPair ca = some_ca();
  const KeyPair leaf = issue_certificate(ca, some_request(), "here");
  const CertificateFacts facts = read_certificate(leaf.certificate, "here");
  CHECK(facts.subject == "CN=my-redis");
  CHECK(facts.issuer.starts_with("CN=test CA "));
  CHECK(facts.names == std::vector<std::string>{"my-redis.ns.svc", "*.pods.ns.svc", "127.0.0.1", "::1"});
  CHECK(rfc3339(facts.not_before) == "2026-03-01T11:00:00Z");
  CHECK(rfc3339(facts.not_after) == "2027-03-01T12:00:00Z");
  CHECK(facts.server);
  CHECK(facts.client);
  CHECK_FALSE(facts.is_ca);
  CHECK(facts.fingerprint.size() == 64);
  CHECK(read_certificate(ca.certificate, "here").is_ca);
  CHECK(read_certificate(ca.certificate, "here").subject == facts.issuer);
  CHECK(read_certificate(some_ca().certificate, "here").subject != facts.issuer);
  CHECK(leaf.key.reveal().starts_with("-----BEGIN PRIVATE KEY-----"));
}

TEST_CASE("certificates: who trusts the old CA accepts what the next one issues, and the other way round") {
  const KeyPair old_ca = some_ca();
  const KeyPair next = make_ca("test CA", today() - clock_slack, today() + 3650 * day);
  const KeyPair leaf = issue_certificate(next, some_request(), "x");
  const std::string cross = cross_sign(old_ca, next.certificate, "x");
  CHECK(read_certificate(cross, "x").subject == read_certificate(next.certificate, "x").subject);
  CHECK(why_not_signed_by(leaf.certificate + cross, old_ca.certificate).empty());
  CHECK(why_not_signed_by(leaf.certificate + cross, next.certificate).empty());
  CHECK(why_not_signed_by(leaf.certificate, next.certificate).empty());
  CHECK_FALSE(why_not_signed_by(leaf.certificate, old_ca.certificate).empty());
  CHECK(each_certificate(leaf.certificate + cross) == std::vector<std::string>{leaf.certificate, cross});
}

TEST_CASE("certificates: none outlives its CA, or begins before it") {
  const KeyPair ca = make_ca("test CA", today(), today() + 10 * day);
  const CertificateFacts facts = read_certificate(issue_certificate(ca, some_request(), "x").certificate, "x");
  CHECK(rfc3339(facts.not_before) == "2026-03-01T12:00:00Z");
  CHECK(rfc3339(facts.not_after) == "2026-03-11T12:00:00Z");
  CertificateRequest late = some_request();
  late.from = today() + 11 * day;
  const Error error = error_of([&] { issue_certificate(ca, late, "/tls/ca.crt"); });
  CHECK(error.message() == "the CA in /tls/ca.crt has expired on 2026-03-11T12:00:00Z");
}

TEST_CASE("certificates: a date beyond 2050 and a long name") {
  const KeyPair ca = make_ca(std::string(80, 'c'), today(), today() + 30 * 366 * day);
  CHECK(read_certificate(ca.certificate, "x").subject.size() == 3 + 64);
  CertificateRequest request = some_request();
  request.common_name = std::string(70, 'n');
  request.until = today() + 30 * 366 * day;
  const KeyPair leaf = issue_certificate(ca, request, "x");
  CHECK(read_certificate(leaf.certificate, "x").not_after == today() + 30 * 366 * day);
  CHECK(verified(leaf.certificate, ca.certificate, X509_PURPOSE_SSL_SERVER, today()) == X509_V_OK);
}

TEST_CASE("certificates: a CA that cannot sign is named, with the reason") {
  const KeyPair ca = some_ca();
  const KeyPair other = some_ca();
  const KeyPair leaf = issue_certificate(ca, some_request(), "x");
  const auto reason = [](const KeyPair& pair) {
    return error_of([&] { issue_certificate(pair, some_request(), "/x/ca"); }).message();
  };
  CHECK(reason({ca.certificate, other.key}) ==
        "the CA in /x/ca is damaged: its certificate and key do not belong together");
  CHECK(reason({"nothing", ca.key}) == "the CA in /x/ca cannot be read: it is no certificate");
  CHECK(reason({ca.certificate, Secret("nothing")}) == "the CA in /x/ca has no key that can be read");
  CHECK(reason(leaf) == "the CA in /x/ca is a certificate that may not sign others");
}

TEST_CASE("certificates: a pair that does not belong together, and a key that cannot be read") {
  const KeyPair ca = some_ca();
  const KeyPair one = issue_certificate(ca, some_request(), "x");
  const KeyPair two = issue_certificate(ca, some_request(), "x");
  CHECK(belong_together(one.certificate, one.key));
  CHECK(belong_together(one.certificate + ca.certificate, one.key));
  CHECK_FALSE(belong_together(one.certificate, two.key));
  CHECK_FALSE(belong_together("", two.key));
  CHECK_FALSE(belong_together(one.certificate, Secret()));
  CHECK_NOTHROW(check_private_key(one.key, "x"));
  const Error no_key = error_of([&] { check_private_key(Secret(one.certificate), "/x/tls.key"); });
  CHECK(no_key.code() == ExitCode::preflight);
  CHECK(no_key.message() == "/x/tls.key holds no private key that can be read");
  // openssl genpkey -algorithm ed25519 -aes-128-cbc -pass pass:x
  const Secret locked(
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
      "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjWxztDqrxbfAICCAAw\n"
      "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEOnISZAtpMCFc/ad9OmrTfwEQDph\n"
      "3W9cwkweaXY3wxxK6y26wCmaH9ifdtX+AYcDIYd1pYWmmfVrDszmdA6vSGZTaEmA\n"
      "DTygGT2OpYRQ7gHbVOI=\n"
      "-----END ENCRYPTED PRIVATE KEY-----\n");
  const Error has_passphrase = error_of([&] { check_private_key(locked, "/x/tls.key"); });
  CHECK(has_passphrase.code() == ExitCode::preflight);
  CHECK(has(has_passphrase.message(), "/x/tls.key has a passphrase"));
}

TEST_CASE("certificates: whether one is signed by a bundle, whatever the dates say") {
  const KeyPair ca = make_ca("old CA", today() - 20 * day, today() - 10 * day);
  CertificateRequest request = some_request();
  request.from = today() - 20 * day;
  const KeyPair leaf = issue_certificate(ca, request, "x");
  const std::string other = some_ca().certificate;
  CHECK(why_not_signed_by(leaf.certificate, ca.certificate).empty());
  CHECK(why_not_signed_by(leaf.certificate, other + ca.certificate).empty());
  CHECK(has(why_not_signed_by(leaf.certificate, other), "unable to get local issuer"));
  CHECK_FALSE(why_not_signed_by("", other).empty());
  CHECK_FALSE(why_not_signed_by(leaf.certificate, "").empty());
}

TEST_CASE("certificates: a bundle is read whole, and given back without keys, repetitions and what is to go") {
  const KeyPair one = some_ca();
  const KeyPair two = some_ca();
  const std::string text =
      "# comment\n" + one.certificate + one.key.reveal() + two.certificate + "\n" + one.certificate;
  CHECK(read_certificates(text, "x").size() == 3);
  const std::string bundle = only_certificates(text);
  CHECK(bundle == one.certificate + two.certificate);
  CHECK_FALSE(has(bundle, "PRIVATE"));
  CHECK(without_certificate(bundle, read_certificate(one.certificate, "x").fingerprint) == two.certificate);
  CHECK(only_certificates("").empty());
}

TEST_CASE("certificates: what is none is refused by its place") {
  const std::string good = some_ca().certificate;
  for (const std::string& text : {std::string(), std::string("hello"), good.substr(0, good.size() / 2),
                                  good + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
    CAPTURE(text);
    const Error error = error_of([&] { read_certificate(text, "/x/tls.crt"); });
    CHECK(error.code() == ExitCode::preflight);
    CHECK(error.message() == "/x/tls.crt holds no certificate that can be read");
  }
}

TEST_CASE("certificates: a wildcard stands for one label, an address for itself alone") {
  const KeyPair ca = some_ca();
  const CertificateFacts facts = read_certificate(issue_certificate(ca, some_request(), "x").certificate, "x");
  for (const char* name :
       {"my-redis.ns.svc", "MY-REDIS.ns.svc", "pod-0.pods.ns.svc", "127.0.0.1", "::1", "0:0:0:0:0:0:0:1"}) {
    CAPTURE(name);
    CHECK(covers_name(facts, name));
  }
  for (const char* name : {"", "redis.ns.svc", "a.b.pods.ns.svc", "pods.ns.svc", "127.0.0.2", "*"}) {
    CAPTURE(name);
    CHECK_FALSE(covers_name(facts, name));
  }
}

}  // namespace raibid::certificate_test
