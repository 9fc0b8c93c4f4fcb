#include "base/junit.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace raibid {

namespace {

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\n':
        result += "&#10;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= ' ') result += c;
    }
  }
  return result;
}

std::string case_element(std::string_view suite, const JunitCase& one) {
  const std::string start = fmt::format(R"(    <testcase classname="{}" name="{}" time="{:.3f}")", escaped(suite),
                                        escaped(one.name), one.seconds);
  if (one.failure)
    return fmt::format("{}>\n      <failure message=\"{}\"/>\n    </testcase>\n", start, escaped(*one.failure));
  if (one.skipped)
    return fmt::format("{}>\n      <skipped message=\"{}\"/>\n    </testcase>\n", start, escaped(*one.skipped));
  if (one.text.empty()) return start + "/>\n";
  return fmt::format("{}>\n      <system-out>{}</system-out>\n    </testcase>\n", start, escaped(one.text));
}

}  // namespace

std::string junit(std::string_view suite, const std::vector<JunitCase>& cases) {
  const auto count = [&cases](auto is_it) { return std::count_if(cases.begin(), cases.end(), is_it); };
  double seconds = 0;
  std::string elements;
  for (const JunitCase& one : cases) {
    seconds += one.seconds;
    elements += case_element(suite, one);
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
      "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{:.3f}\">\n{}  </testsuite>\n"
      "</testsuites>\n",
      escaped(suite), cases.size(), count([](const JunitCase& one) { return one.failure.has_value(); }),
      count([](const JunitCase& one) { return one.skipped.has_value(); }), seconds, elements);
}

}  // namespace raibid
