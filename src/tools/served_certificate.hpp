#pragma once

#include <string>

#include "sys/process.hpp"
#include "tools/transport.hpp"

namespace raibid {

/// The certificate that a TLS port shows, as PEM, whoever signed it and whenever it ends; the connection is closed
/// then. Throws Error (failure): nobody listens, or what listens does not speak TLS; and Interrupted.
std::string served_certificate_at(const std::string& host, int port, Runner& runner, TimePoint deadline);
/// The same over a connection that is there, which is of no use afterwards.
std::string served_certificate_over(Transport& transport, const std::string& where, Runner& runner, TimePoint deadline);

}  // namespace raibid
