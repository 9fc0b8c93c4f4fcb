#include "base/in_quotes.hpp"

#include "base/strings.hpp"
#include "base/utf8.hpp"

namespace raibid {

std::string in_quotes(std::string_view text) {
  constexpr std::size_t enough = 60;
  std::size_t end = 0;
  while (end < text.size() && end < enough) end += decode_utf8(text, end).length;
  return "\"" + printable(text.substr(0, end)) + (end < text.size() ? "…\"" : "\"");
}

}  // namespace raibid
