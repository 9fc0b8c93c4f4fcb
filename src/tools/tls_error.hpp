#pragma once

#include <string>

#include "base/error.hpp"

namespace raibid {

/// Why two ends do not come together over TLS.
enum class TlsProblem {
  unknown_ca,           ///< the server's certificate is signed by nobody whom we trust
  wrong_name,           ///< it is another server's
  expired,              ///< the server's certificate, or one above it
  not_yet_valid,        ///< the same, or this machine's clock is behind
  bad_certificate,      ///< anything else that is wrong with it
  needs_certificate,    ///< the server asks for a client certificate, and there is none
  refuses_certificate,  ///< the server does not take ours
  not_tls,              ///< what answers does not speak TLS
  is_tls,               ///< we speak plain, and it wants TLS
  own_files,            ///< our CA, certificate or key cannot be used
  other,
};

/// A failure of TLS. What can be done about it depends on where the certificates are from: whoever knows puts a hint of
/// its own in place of the general one.
class TlsError final : public Error {
 public:
  TlsError(TlsProblem problem, std::string message, std::string hint = {});

  TlsProblem problem() const { return m_problem; }
  /// Whether it stays so until someone changes something: waiting does not help.
  bool lasts() const;

 private:
  TlsProblem m_problem;
};

}  // namespace raibid
