#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace raibid {

/// The columns that `text` (printable, see base/strings) takes on a terminal.
std::size_t display_width(std::string_view text);

/// `text` filled up with blanks to `width` columns.
std::string padded(std::string_view text, std::size_t width);

/// As much of `text` as fits into `width` columns; its end becomes `ellipsis` when it does not fit.
std::string shortened(std::string_view text, std::size_t width, std::string_view ellipsis);

/// `text` in lines of at most `width` columns, broken at blanks where there are any. At least one line.
std::vector<std::string> folded(std::string_view text, std::size_t width);

/// `text` for a terminal without UTF-8: our own signs by their ASCII forms, anything else as ?.
std::string ascii_only(std::string_view text);

/// "1.2 s", "2 min 05 s"; "" for what is too short to be worth saying.
std::string format_elapsed(std::chrono::milliseconds elapsed);

}  // namespace raibid
