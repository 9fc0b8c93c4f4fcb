#pragma once

#include <string>

#include "sys/environment.hpp"

namespace raibid {

/// Who runs this program: for the record of what was changed. Each is "" where it cannot be known.
struct Author {
  std::string user, host;
  std::string text() const;  ///< "anna@box"
};
Author this_author(const Environment& environment);

/// As a value of a Kubernetes label (RFC 1123 names with _ and .): other characters become _, and the rest is cut.
std::string as_label_value(std::string text);

}  // namespace raibid
