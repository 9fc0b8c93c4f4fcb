#pragma once

#include <exception>

#include "tools/transport.hpp"

struct ssl_st;

namespace raibid {

/// OpenSSL's bytes over a Transport. Has to outlive the session that it is attached to.
class TransportBio {
 public:
  explicit TransportBio(Transport& transport) : m_transport(transport) {}
  TransportBio(const TransportBio&) = delete;
  TransportBio& operator=(const TransportBio&) = delete;

  /// Throws std::bad_alloc.
  void attach(ssl_st* session);
  /// Throws what the transport has thrown inside of OpenSSL; nothing when it has not.
  void rethrow();

  // for the callbacks of OpenSSL
  int read(char* data, int size, bool& again);
  int write(const char* data, int size, bool& again);
  bool ended() const { return m_ended; }

 private:
  Transport& m_transport;
  std::exception_ptr m_thrown;
  bool m_ended = false;
};

}  // namespace raibid
