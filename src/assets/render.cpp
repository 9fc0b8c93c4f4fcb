#include "assets/render.hpp"

#include "assets/assets.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace raibid {

namespace {

Error problem(std::string_view text, std::size_t at, std::string_view origin, const std::string& message) {
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  return Error(ExitCode::usage, fmt::format("{}:{}: {}", origin, line, message));
}

}  // namespace

std::string render(std::string_view text, const std::map<std::string, std::string>& values, std::string_view origin) {
  std::string out;
  std::size_t at = 0;
  while (true) {
    const std::size_t open = text.find("{{", at);
    out += text.substr(at, open - at);
    if (open == std::string_view::npos) return out;

    const std::size_t close = text.find("}}", open + 2);
    if (close == std::string_view::npos) throw problem(text, open, origin, "a {{ is not closed");
    const std::string name(trim(text.substr(open + 2, close - open - 2)));
    const auto value = values.find(name);
    if (value == values.end()) {
      std::vector<std::string> known;
      for (const auto& [other, unused] : values) known.push_back(other);
      throw problem(text, open, origin, fmt::format("unknown name {}{}", in_quotes(name), did_you_mean(name, known)));
    }
    out += value->second;
    at = close + 2;
  }
}

}  // namespace raibid
