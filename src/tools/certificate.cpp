#include "tools/certificate.hpp"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "base/strings.hpp"
#include "sys/clock.hpp"
#include "sys/random.hpp"
#include "tools/openssl_owner.hpp"

namespace raibid {

namespace {

using Bio = OpensslBio;
using Certificate = OpensslCertificate;
using Key = OpensslKey;
using Extension = OpensslOwner<X509_EXTENSION, X509_EXTENSION_free>;
using Number = OpensslOwner<BIGNUM, BN_free>;
using Store = OpensslOwner<X509_STORE, X509_STORE_free>;
using StoreContext = OpensslOwner<X509_STORE_CTX, X509_STORE_CTX_free>;
using Names = OpensslOwner<GENERAL_NAMES, GENERAL_NAMES_free>;
struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
using Stack = std::unique_ptr<STACK_OF(X509), FreeStack>;

constexpr int x509_version_3 = 2;
constexpr std::size_t longest_common_name = 64;
constexpr std::size_t serial_bytes = 16;
constexpr const char* chain_hint = "a text of certificates begins with -----BEGIN CERTIFICATE-----";

/// OpenSSL keeps its reasons in a queue of the thread; what is left there would be read by someone else.
std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown reason" : reason;
}

void check(bool done, const char* what) {
  if (!done) throw Error(ExitCode::failure, fmt::format("OpenSSL cannot {}: {}", what, openssl_reason()));
}

Bio reader_of(std::string_view text) {
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  check(bio != nullptr, "read from memory");
  return bio;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size <= 0 ? std::string() : std::string(data, static_cast<std::size_t>(size));
}

Key new_key() {
  Key key(EVP_EC_gen("P-256"));
  check(key != nullptr, "make a key");
  return key;
}

Secret pem_of(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_secmem()));  // wiped when it is freed
  check(bio && PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1, "write a key");
  return Secret(text_of(bio.get()));
}

std::string pem_of(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  check(bio && PEM_write_bio_X509(bio.get(), certificate) == 1, "write a certificate");
  return text_of(bio.get());
}

/// The certificates of a PEM text; empty when one of them is damaged, whatever else there is.
std::vector<Certificate> parse(std::string_view pem) {
  const Bio bio = reader_of(pem);
  std::vector<Certificate> all;
  while (X509* const one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) all.emplace_back(one);
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end) all.clear();
  return all;
}

/// A key with a passphrase would make OpenSSL ask the terminal.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Key parse_key(const Secret& pem, bool& has_passphrase) {
  has_passphrase = false;
  const Bio bio = reader_of(pem.reveal());
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, &has_passphrase));
  ERR_clear_error();
  return key;
}

void set_time(ASN1_TIME* field, WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  check(ASN1_TIME_set(field, std::chrono::system_clock::to_time_t(seconds)) != nullptr, "set a date");
}

WallTime time_of(const ASN1_TIME* field) {
  std::tm parts{};
  check(ASN1_TIME_to_tm(field, &parts) == 1, "read a date");
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

void set_serial(X509* certificate) {
  std::array<unsigned char, serial_bytes> bytes{};
  SystemRandom().fill(bytes);
  bytes[0] &= 0x7f;  // a serial number is positive
  const Number number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  check(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr,
        "set a serial number");
}

void set_common_name(X509_NAME* name, const std::string& text) {
  const std::string cut = text.substr(0, longest_common_name);
  check(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(cut.data()),
                                   static_cast<int>(cut.size()), -1, 0) == 1,
        "set a name");
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  check(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "add an extension");
}

/// The 4 or 16 bytes of an IP address; empty for a DNS name.
std::string address_bytes(const std::string& name) {
  std::array<unsigned char, 16> bytes{};
  if (::inet_pton(AF_INET, name.c_str(), bytes.data()) == 1) return {bytes.begin(), bytes.begin() + 4};
  if (::inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1) return {bytes.begin(), bytes.end()};
  return "";
}

std::string address_text(std::string_view bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (bytes.size() != 4 && bytes.size() != 16) return "";
  return ::inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), text.data(), text.size());
}

/// Added as objects: a text form would have to be escaped.
void add_names(X509* certificate, const std::vector<std::string>& names) {
  const Names all(sk_GENERAL_NAME_new_null());
  check(all != nullptr, "add names");
  for (const std::string& name : names) {
    const std::string address = address_bytes(name);
    const std::string& bytes = address.empty() ? name : address;
    OpensslOwner<GENERAL_NAME, GENERAL_NAME_free> entry(GENERAL_NAME_new());
    ASN1_STRING* const value = ASN1_STRING_type_new(address.empty() ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING);
    check(entry && value && ASN1_STRING_set(value, bytes.data(), static_cast<int>(bytes.size())) == 1, "add a name");
    GENERAL_NAME_set0_value(entry.get(), address.empty() ? GEN_DNS : GEN_IPADD, value);
    check(sk_GENERAL_NAME_push(all.get(), entry.release()) > 0, "add a name");
  }
  check(X509_add1_ext_i2d(certificate, NID_subject_alt_name, all.get(), 0, X509V3_ADD_DEFAULT) == 1, "add names");
}

Certificate blank(EVP_PKEY* key, const std::string& common_name, WallTime from, WallTime until) {
  Certificate certificate(X509_new());
  check(certificate && X509_set_version(certificate.get(), x509_version_3) == 1, "make a certificate");
  set_serial(certificate.get());
  set_time(X509_getm_notBefore(certificate.get()), from);
  set_time(X509_getm_notAfter(certificate.get()), until);
  if (!common_name.empty()) set_common_name(X509_get_subject_name(certificate.get()), common_name);
  check(X509_set_pubkey(certificate.get(), key) == 1, "set a public key");
  return certificate;
}

void sign(X509* certificate, EVP_PKEY* key) { check(X509_sign(certificate, key, EVP_sha256()) > 0, "sign"); }

std::string text_of(const X509_NAME* name) {
  const Bio bio(BIO_new(BIO_s_mem()));
  check(bio && X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) >= 0, "read a name");
  return printable(text_of(bio.get()));
}

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> names;
  const Names all(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    int type = 0;
    const void* const value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(all.get(), i), &type);
    if (type != GEN_DNS && type != GEN_IPADD) continue;
    const auto* const string = static_cast<const ASN1_STRING*>(value);
    const std::string_view bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
                                 static_cast<std::size_t>(ASN1_STRING_length(string)));
    std::string name = type == GEN_DNS ? printable(to_lower(bytes)) : address_text(bytes);
    if (!name.empty()) names.push_back(std::move(name));
  }
  return names;
}

std::string fingerprint_of(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  check(size > 0, "encode a certificate");
  const std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return sha256_hex(bytes);
}

CertificateFacts facts_of(X509* certificate) {
  CertificateFacts facts;
  facts.subject = text_of(X509_get_subject_name(certificate));
  facts.issuer = text_of(X509_get_issuer_name(certificate));
  facts.names = names_of(certificate);
  facts.not_before = time_of(X509_get0_notBefore(certificate));
  facts.not_after = time_of(X509_get0_notAfter(certificate));
  facts.fingerprint = fingerprint_of(certificate);
  const std::uint32_t usage = X509_get_extended_key_usage(certificate);  // all bits where it says nothing
  facts.server = (usage & XKU_SSL_SERVER) != 0;
  facts.client = (usage & XKU_SSL_CLIENT) != 0;
  facts.is_ca = X509_check_ca(certificate) > 0;
  return facts;
}

[[noreturn]] void refuse_ca(const std::string& origin, const std::string& why) {
  throw Error(ExitCode::failure, fmt::format("the CA in {} {}", origin, why));
}

struct Ca {
  Certificate certificate;
  Key key;
  CertificateFacts facts;
};

Ca open_ca(const KeyPair& pair, const std::string& origin) {
  std::vector<Certificate> certificates = parse(pair.certificate);
  if (certificates.empty()) refuse_ca(origin, "cannot be read: it is no certificate");
  bool has_passphrase = false;
  Key key = parse_key(pair.key, has_passphrase);
  if (!key) refuse_ca(origin, has_passphrase ? "has a key with a passphrase" : "has no key that can be read");
  if (X509_check_private_key(certificates.front().get(), key.get()) != 1) {
    ERR_clear_error();
    refuse_ca(origin, "is damaged: its certificate and key do not belong together");
  }
  CertificateFacts facts = facts_of(certificates.front().get());
  if (!facts.is_ca) refuse_ca(origin, "is a certificate that may not sign others");
  return {std::move(certificates.front()), std::move(key), std::move(facts)};
}

}  // namespace

KeyPair make_ca(const std::string& name, WallTime from, WallTime until) {
  const Key key = new_key();
  std::array<std::uint8_t, 4> random{};
  SystemRandom().fill(random);
  const std::string suffix = fmt::format(" {:02x}{:02x}{:02x}{:02x}", random[0], random[1], random[2], random[3]);
  const Certificate certificate =
      blank(key.get(), name.substr(0, longest_common_name - suffix.size()) + suffix, from, until);
  X509* const ca = certificate.get();
  check(X509_set_issuer_name(ca, X509_get_subject_name(ca)) == 1, "set an issuer");
  // one CA below it: the one that follows it, see cross_sign
  add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:1");
  add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(ca, ca, NID_subject_key_identifier, "hash");
  sign(ca, key.get());
  return {pem_of(ca), pem_of(key.get())};
}

KeyPair issue_certificate(const KeyPair& ca_pair, const CertificateRequest& request, const std::string& ca_origin) {
  const Ca ca = open_ca(ca_pair, ca_origin);
  if (request.from >= ca.facts.not_after) refuse_ca(ca_origin, "has expired on " + rfc3339(ca.facts.not_after));
  const Key key = new_key();
  // not before its CA either: a verifier would refuse the CA
  const WallTime from = std::max(request.from, ca.facts.not_before);
  const Certificate certificate =
      blank(key.get(), request.common_name, from, std::min(request.until, ca.facts.not_after));
  X509* const leaf = certificate.get();
  check(X509_set_issuer_name(leaf, X509_get_subject_name(ca.certificate.get())) == 1, "set an issuer");
  add_extension(leaf, ca.certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(leaf, ca.certificate.get(), NID_key_usage, "critical,digitalSignature");
  const std::string usage = std::string(request.server ? "serverAuth" : "") +
                            (request.server && request.client ? "," : "") + (request.client ? "clientAuth" : "");
  if (!usage.empty()) add_extension(leaf, ca.certificate.get(), NID_ext_key_usage, usage);
  add_extension(leaf, ca.certificate.get(), NID_subject_key_identifier, "hash");
  add_extension(leaf, ca.certificate.get(), NID_authority_key_identifier, "keyid:always");
  if (!request.names.empty()) add_names(leaf, request.names);
  sign(leaf, ca.key.get());
  return {pem_of(leaf), pem_of(key.get())};
}

std::string cross_sign(const KeyPair& ca_pair, const std::string& next, const std::string& ca_origin) {
  const Ca ca = open_ca(ca_pair, ca_origin);
  const std::vector<Certificate> parsed = parse(next);
  check(!parsed.empty(), "read the CA that follows");
  X509* const root = parsed.front().get();
  const CertificateFacts facts = facts_of(root);
  EVP_PKEY* const key = X509_get0_pubkey(root);
  check(key != nullptr, "read a public key");
  const Certificate certificate =
      blank(key, "", std::max(facts.not_before, ca.facts.not_before), std::min(facts.not_after, ca.facts.not_after));
  X509* const cross = certificate.get();
  check(X509_set_subject_name(cross, X509_get_subject_name(root)) == 1, "set a name");
  check(X509_set_issuer_name(cross, X509_get_subject_name(ca.certificate.get())) == 1, "set an issuer");
  add_extension(cross, ca.certificate.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(cross, ca.certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(cross, ca.certificate.get(), NID_subject_key_identifier, "hash");
  add_extension(cross, ca.certificate.get(), NID_authority_key_identifier, "keyid:always");
  sign(cross, ca.key.get());
  return pem_of(cross);
}

std::vector<CertificateFacts> read_certificates(std::string_view pem, const std::string& origin) {
  std::vector<CertificateFacts> all;
  for (const Certificate& certificate : parse(pem)) all.push_back(facts_of(certificate.get()));
  if (all.empty())
    throw Error(ExitCode::preflight, fmt::format("{} holds no certificate that can be read", origin), chain_hint);
  return all;
}

CertificateFacts read_certificate(std::string_view pem, const std::string& origin) {
  return read_certificates(pem, origin).front();
}

CertificateFacts read_der_certificate(std::string_view der, const std::string& origin) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (!certificate) throw Error(ExitCode::failure, fmt::format("the certificate of {} cannot be read", origin));
  return facts_of(certificate.get());
}

std::vector<std::string> each_certificate(std::string_view pem) {
  std::vector<std::string> all;
  for (const Certificate& certificate : parse(pem)) all.push_back(pem_of(certificate.get()));
  return all;
}

std::string only_certificates(std::string_view pem) { return without_certificate(pem, ""); }

std::string without_certificate(std::string_view pem, const std::string& fingerprint) {
  std::string text;
  std::vector<std::string> seen = {fingerprint};
  for (const Certificate& certificate : parse(pem)) {
    const std::string own = fingerprint_of(certificate.get());
    if (std::find(seen.begin(), seen.end(), own) != seen.end()) continue;
    seen.push_back(own);
    text += pem_of(certificate.get());
  }
  return text;
}

void check_private_key(const Secret& pem, const std::string& origin) {
  bool has_passphrase = false;
  if (parse_key(pem, has_passphrase)) return;
  throw Error(ExitCode::preflight,
              has_passphrase ? fmt::format("{} has a passphrase, and Redis would have nobody to ask", origin)
                             : fmt::format("{} holds no private key that can be read", origin),
              has_passphrase ? "write the key without one, into a file of mode 0600: openssl pkey -in KEY -out tls.key"
                             : "a private key begins with -----BEGIN PRIVATE KEY-----");
}

bool belong_together(std::string_view pem, const Secret& key_pem) {
  const std::vector<Certificate> certificates = parse(pem);
  bool has_passphrase = false;
  const Key key = parse_key(key_pem, has_passphrase);
  const bool same = !certificates.empty() && key && X509_check_private_key(certificates.front().get(), key.get()) == 1;
  ERR_clear_error();
  return same;
}

std::string why_not_signed_by(std::string_view pem, std::string_view trusted) {
  const std::vector<Certificate> chain = parse(pem);
  const std::vector<Certificate> roots = parse(trusted);
  if (chain.empty() || roots.empty()) return "there is no certificate";
  const Store store(X509_STORE_new());
  const StoreContext context(X509_STORE_CTX_new());
  const Stack others(sk_X509_new_null());
  check(store && context && others, "verify a certificate");
  for (const Certificate& root : roots) check(X509_STORE_add_cert(store.get(), root.get()) == 1, "trust a certificate");
  for (std::size_t i = 1; i < chain.size(); ++i) check(sk_X509_push(others.get(), chain[i].get()) > 0, "take a chain");
  check(X509_STORE_CTX_init(context.get(), store.get(), chain.front().get(), others.get()) == 1, "verify");
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_NO_CHECK_TIME);
  // keys and digests that are too weak for a handshake: OpenSSL's level of Debian and its kin, so of our connection
  X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context.get()), 2);
  const bool verified = X509_verify_cert(context.get()) == 1;
  ERR_clear_error();
  return verified ? "" : X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

bool covers_name(const CertificateFacts& certificate, std::string_view name) {
  const std::string bytes = address_bytes(std::string(name));
  const std::string wanted = bytes.empty() ? to_lower(name) : address_text(bytes);
  const std::size_t dot = wanted.find('.');
  const std::string wildcard = bytes.empty() && dot != std::string::npos ? "*" + wanted.substr(dot) : wanted;
  return std::any_of(certificate.names.begin(), certificate.names.end(),
                     [&](const std::string& one) { return one == wanted || one == wildcard; });
}

}  // namespace raibid
