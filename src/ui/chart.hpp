#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace raibid {

/// A bar of `width` columns that is filled by `fraction` (0 to 1; more counts as 1): "█████░░░" or "####....".
std::string bar(double fraction, std::size_t width, bool utf8);

/// The last `width` of `values`, one column each, as heights from 0 to their largest: "▁▃█▂" or ".-#-". Filled up with
/// blanks on the left.
std::string sparkline(std::span<const double> values, std::size_t width, bool utf8);

}  // namespace raibid
