#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace raibid {

/// SHA-256 of bytes that come in pieces. Throws Error (failure) when OpenSSL does not have it.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(std::string_view bytes);
  /// In lower-case hex. Nothing can be added afterwards.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

}  // namespace raibid
