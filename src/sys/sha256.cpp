#include "sys/sha256.hpp"

#include "base/error.hpp"

#include <openssl/evp.h>

#include <array>

namespace raibid {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

namespace {

void need_sha256(int answer) {
  if (answer != 1) throw Error(ExitCode::failure, "OpenSSL refuses SHA-256");
}

}  // namespace

Sha256::Sha256() : m_state(std::make_unique<State>()) {
  need_sha256(EVP_DigestInit_ex(m_state->context, EVP_sha256(), nullptr));
}

Sha256::~Sha256() = default;

void Sha256::add(std::string_view bytes) {
  need_sha256(EVP_DigestUpdate(m_state->context, bytes.data(), bytes.size()));
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  need_sha256(EVP_DigestFinal_ex(m_state->context, digest.data(), &length));
  std::string text;
  for (unsigned i = 0; i < length; ++i) {
    text += "0123456789abcdef"[digest[i] >> 4];
    text += "0123456789abcdef"[digest[i] & 15];
  }
  return text;
}

}  // namespace raibid
