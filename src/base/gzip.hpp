#pragma once

#include <string>

namespace raibid {

/// The text as a gzip file (RFC 1952), packed as small as zlib can. Throws Error (failure) when there is no memory for
/// it.
std::string gzip(std::string text);

}  // namespace raibid
