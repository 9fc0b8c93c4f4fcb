#include "base/json_members.hpp"

#include <algorithm>
#include <cstring>

namespace raibid {

namespace {

constexpr std::string_view white_space = " \t\r\n";

/// Goes through a text; what it returns is false where the text is not what was looked for.
class Skimmer {
 public:
  explicit Skimmer(std::string_view text) : m_text(text) {}

  bool takes(char wanted) {
    pass_space();
    if (m_at >= m_text.size() || m_text[m_at] != wanted) return false;
    ++m_at;
    return true;
  }

  bool at_end() {
    pass_space();
    return m_at == m_text.size();
  }

  /// The text between the quotes, as it stands.
  std::optional<std::string_view> string() {
    if (!takes('"')) return std::nullopt;
    const std::size_t begin = m_at;
    if (!pass_rest_of_string()) return std::nullopt;
    return m_text.substr(begin, m_at - 1 - begin);
  }

  std::optional<std::string_view> value() {
    pass_space();
    const std::size_t begin = m_at;
    int depth = 0;
    while (m_at < m_text.size()) {
      const char c = m_text[m_at];
      if (depth == 0 && (c == ',' || c == '}' || c == ']')) break;
      ++m_at;
      if (c == '"' && !pass_rest_of_string()) return std::nullopt;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      const bool composite_ends = depth == 0 && (c == '"' || c == '}' || c == ']');
      if (composite_ends) break;
    }
    if (depth != 0 || m_at == begin) return std::nullopt;
    return m_text.substr(begin, m_at - begin);
  }

 private:
  void pass_space() { m_at = std::min(m_text.find_first_not_of(white_space, m_at), m_text.size()); }

  /// memchr is what makes this fast: most of such a document is one long string after the other.
  bool pass_rest_of_string() {
    for (;;) {
      const void* const found = std::memchr(m_text.data() + m_at, '"', m_text.size() - m_at);
      if (found == nullptr) return false;
      const auto quote = static_cast<std::size_t>(static_cast<const char*>(found) - m_text.data());
      std::size_t slashes = 0;
      while (quote - slashes > m_at && m_text[quote - slashes - 1] == '\\') ++slashes;
      m_at = quote + 1;
      if (slashes % 2 == 0) return true;
    }
  }

  std::string_view m_text;
  std::size_t m_at = 0;
};

}  // namespace

std::optional<std::map<std::string, std::string_view, std::less<>>> json_members(std::string_view text) {
  std::map<std::string, std::string_view, std::less<>> members;
  Skimmer skimmer(text);
  if (!skimmer.takes('{')) return std::nullopt;
  if (skimmer.takes('}')) return skimmer.at_end() ? std::optional(members) : std::nullopt;
  do {
    const auto name = skimmer.string();
    if (!name || !skimmer.takes(':')) return std::nullopt;
    const auto value = skimmer.value();
    if (!value) return std::nullopt;
    if (name->find('\\') == std::string_view::npos) members.insert_or_assign(std::string(*name), *value);
  } while (skimmer.takes(','));
  if (!skimmer.takes('}') || !skimmer.at_end()) return std::nullopt;
  return members;
}

}  // namespace raibid
