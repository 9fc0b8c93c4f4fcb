#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace raibid {

/// Lines to type for a command ("queue stats"), for the end of its help. A test runs them.
std::vector<std::string> redis_examples(std::string_view command);

}  // namespace raibid
