#pragma once

#include <map>
#include <string>
#include <string_view>

namespace raibid {

/// `text` with each {{name}} replaced. Throws Error (usage) for a name that `values` does not have, or a {{ that is not
/// closed: nothing is ever silently left out. `origin` names the template in the message.
std::string render(std::string_view text, const std::map<std::string, std::string>& values, std::string_view origin);

}  // namespace raibid
