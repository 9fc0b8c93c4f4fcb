#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace raibid {

/// Random bytes, so that tests can say which.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> bytes) = 0;
};

/// OpenSSL's generator. Throws Error (failure) when it has no entropy.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> bytes) override;
};

/// SHA-256 in lower-case hex.
std::string sha256_hex(std::string_view bytes);

/// SHA-1 in lower-case hex: how Redis names scripts, not a protection of anything.
std::string sha1_hex(std::string_view bytes);

}  // namespace raibid
