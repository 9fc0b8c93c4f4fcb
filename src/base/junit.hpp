#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace raibid {

/// One test of a report for continuous integration.
struct JunitCase {
  std::string name;
  std::optional<std::string> failure = {};  ///< why it failed
  std::optional<std::string> skipped = {};  ///< why it was not made
  std::string text = {};                    ///< what it says when it passed
  double seconds = 0;
};

/// A test suite in JUnit's XML, as GitHub, GitLab and Jenkins read it. Characters that XML forbids are left out.
std::string junit(std::string_view suite, const std::vector<JunitCase>& cases);

}  // namespace raibid
