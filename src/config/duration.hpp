#pragma once

#include <string_view>

#include "sys/clock.hpp"

namespace raibid {

/// "90s", "5m", "1h30m", "500ms" or plain seconds; more than nothing, at most a year. Throws Error (usage); `what`
/// names it in the message.
Duration parse_duration(std::string_view text, std::string_view what);

}  // namespace raibid
