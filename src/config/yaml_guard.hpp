#pragma once

#include <string>
#include <string_view>

namespace raibid {

/// What a file of ours can hold at most. Far more than any real one, and little enough to be read in an instant.
namespace yaml_limits {
constexpr std::size_t bytes = 1 << 20;
constexpr int depth = 64;
constexpr int values = 100'000;
}  // namespace yaml_limits

/// Refuses, before yaml-cpp sees it, a text that it would read wrongly or with much memory: too large, not UTF-8 text
/// (it takes some control characters for the end), flow brackets nested too deep or with too many entries (it keeps
/// every token of a line until it knows whether the bracket is a key). Throws Error (usage) with `origin` and line.
void guard_yaml(std::string_view text, const std::string& origin);

/// Error (usage) "origin:line: message".
[[noreturn]] void fail_at(const std::string& origin, int line, const std::string& message);

}  // namespace raibid
