#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/in_quotes.hpp"
#include "base/printable.hpp"

namespace raibid {

std::vector<std::string> split(std::string_view text, char separator);
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string_view trim(std::string_view text);

/// Takes the complete lines out of `buffer` (without their ends); an unfinished last line stays in it.
std::vector<std::string> take_lines(std::string& buffer);

/// The candidate nearest to `word` by edit distance, or "" when none is near enough to be what was meant.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// "; did you mean X?" for the nearest candidate, or "".
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

/// `argument` as a POSIX shell would have to read it; left alone when nothing in it is special.
std::string shell_quote(std::string_view argument);
std::string shell_join(std::span<const std::string> arguments);

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words);

std::string to_lower(std::string_view text);

std::string base64_encode(std::string_view bytes);
/// Throws Error (preflight) when `text` is not base64.
std::string base64_decode(std::string_view text);

/// "1,234"
std::string with_separators(std::int64_t number);
/// "1 job", "3 jobs"
std::string counted(std::int64_t number, std::string_view one, std::string_view many);

}  // namespace raibid
