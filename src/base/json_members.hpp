#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace raibid {

/// The members of a JSON object, each as the text that its value has: for a large document of which little is needed.
/// The values are passed over, not parsed, so they are only as valid as whoever parses them finds. Of a name that is
/// there twice the last one counts. std::nullopt when `text` is not one whole object. Names with escapes are left out.
std::optional<std::map<std::string, std::string_view, std::less<>>> json_members(std::string_view text);

}  // namespace raibid
