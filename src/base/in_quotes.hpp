#pragma once

#include <string>
#include <string_view>

namespace raibid {

/// `text` for a message: printable, in double quotes, and no longer than a line of it should be.
std::string in_quotes(std::string_view text);

}  // namespace raibid
