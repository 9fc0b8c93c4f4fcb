#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace raibid::test {

/// The words of a simple shell command, without its quotes. An operator (|, ;, &, <, >) that stands alone is a word.
/// Throws std::invalid_argument for a quote that does not end.
std::vector<std::string> shell_words(std::string_view line);

}  // namespace raibid::test
