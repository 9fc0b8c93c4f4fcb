#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "sys/process.hpp"
#include "sys/unique_fd.hpp"

namespace raibid {

/// The bytes of one connection, over a socket that does not block. It never waits: the caller polls for `events`.
class Transport {
 public:
  struct Read {
    std::size_t bytes = 0;  ///< none: nothing at the moment, or the end
    bool closed = false;    ///< nothing will follow
    int error = 0;          ///< errno of a connection that broke
    bool more = false;      ///< poll need not know of what is left: read again before waiting
  };

  virtual ~Transport() = default;
  virtual int fd() const = 0;
  /// What poll has to wait for.
  virtual short events(bool to_read, bool to_write) const = 0;
  /// Whether what poll said lets us read, or write.
  virtual bool may_read(short ready) const = 0;
  virtual bool may_write(short ready) const = 0;
  /// How much was taken, 0 for nothing at the moment. A peer that takes nothing any more may have said why, so all
  /// counts as taken then, and reading tells.
  virtual std::size_t write(std::string_view bytes) = 0;
  /// May throw Error (failure) with what the peer has against us.
  virtual Read read(std::span<char> buffer) = 0;
  /// Something has come already that poll does not know of: read before waiting.
  virtual bool has_more() const { return false; }
  /// What the other end has shown in the handshake, in DER; "" without TLS.
  virtual std::string peer_certificate() const { return ""; }
};

/// What is sent is what is read.
std::unique_ptr<Transport> plain_transport(UniqueFd socket);

}  // namespace raibid
