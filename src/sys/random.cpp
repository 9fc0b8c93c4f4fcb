#include "sys/random.hpp"

#include "base/error.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <climits>

namespace raibid {

void SystemRandom::fill(std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const std::size_t count = std::min<std::size_t>(bytes.size(), INT_MAX);
    if (RAND_bytes(bytes.data(), static_cast<int>(count)) != 1) {
      throw Error(ExitCode::failure, "OpenSSL has no random bytes: the system's entropy source does not answer");
    }
    bytes = bytes.subspan(count);
  }
}

namespace {

std::string digest_hex(std::string_view bytes, const EVP_MD* algorithm, const char* name) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, algorithm, nullptr) != 1) {
    throw Error(ExitCode::failure, std::string("OpenSSL refuses ") + name);
  }
  std::string hex;
  for (unsigned i = 0; i < length; ++i) {
    hex += "0123456789abcdef"[digest[i] >> 4];
    hex += "0123456789abcdef"[digest[i] & 15];
  }
  return hex;
}

}  // namespace

std::string sha256_hex(std::string_view bytes) { return digest_hex(bytes, EVP_sha256(), "SHA-256"); }

std::string sha1_hex(std::string_view bytes) { return digest_hex(bytes, EVP_sha1(), "SHA-1"); }

}  // namespace raibid
