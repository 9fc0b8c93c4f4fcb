#pragma once

#include <string>

namespace raibid {

/// "raibid-cli 0.1.0" and a line end.
std::string version_line();

}  // namespace raibid
