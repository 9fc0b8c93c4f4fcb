#pragma once

#include <string>
#include <string_view>

namespace raibid {

/// Valid UTF-8 without control characters (a bad byte becomes U+FFFD): for text from elsewhere on its way to a
/// terminal.
std::string printable(std::string_view text);

}  // namespace raibid
